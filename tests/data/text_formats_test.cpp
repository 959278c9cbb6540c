// Readers of the packages that the prose comes from, on files made here.
#include <zlib.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "results/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "workloads/data/inflate.hpp"
#include "workloads/data/r_strings.hpp"
#include "workloads/data/sword_text.hpp"

using namespace velo;
using Catch::Matchers::Message;

namespace {

std::string packed(const std::string& text) {
  uLongf size = compressBound(text.size());
  std::string out(size, '\0');
  compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
  out.resize(size);
  return out;
}

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string big_endian(std::uint32_t word) {
  return {static_cast<char>(word >> 24), static_cast<char>(word >> 16), static_cast<char>(word >> 8),
          static_cast<char>(word)};
}
std::string little_endian(std::size_t word) {
  const std::string big = big_endian(static_cast<std::uint32_t>(word));
  return {big.rbegin(), big.rend()};
}

// R's serialisation, as far as the tests need it.
std::string r_header() {
  return "X\n" + big_endian(3) + big_endian(0x40201) + big_endian(0x30500) + big_endian(5) + "UTF-8";
}
std::string r_string(const std::string& text, std::uint32_t encoding = 0x40009) {
  return big_endian(encoding) + big_endian(static_cast<std::uint32_t>(text.size())) + text;
}
std::string r_strings(const std::vector<std::string>& texts) {
  std::string out = big_endian(16) + big_endian(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) out += r_string(text);
  return out;
}
std::string r_list(const std::vector<std::string>& items, const std::vector<std::string>& names, bool first) {
  std::string out = big_endian(0x213) + big_endian(static_cast<std::uint32_t>(items.size()));
  for (const std::string& item : items) out += item;
  // The attribute's tag is the symbol "names" when it first occurs, later a reference to it.
  out += big_endian(0x402) + (first ? big_endian(1) + r_string("names") : big_endian(0x1ff));
  return out + r_strings(names) + big_endian(254);
}

struct Database {
  std::string index, chunks;
};
Database database(const std::vector<std::pair<std::string, std::string>>& objects) {
  Database out;
  std::vector<std::string> places, names;
  for (const auto& [name, object] : objects) {
    const std::string whole = r_header() + object;
    const std::string chunk = big_endian(static_cast<std::uint32_t>(whole.size())) + packed(whole);
    places.push_back(big_endian(13) + big_endian(2) + big_endian(static_cast<std::uint32_t>(out.chunks.size())) +
                     big_endian(static_cast<std::uint32_t>(chunk.size())));
    names.push_back(name);
    out.chunks += chunk;
  }
  const std::string compressed = big_endian(10) + big_endian(1) + big_endian(1);
  out.index = packed(r_header() + r_list({r_list(places, names, true), r_list({}, {}, false), compressed},
                                         {"variables", "references", "compressed"}, false));
  return out;
}

}  // namespace

TEST_CASE("a zlib and a gzip stream are unpacked, however well they are packed") {
  const test::TemporaryFolder folder;
  const std::string text(1000000, 'x');
  CHECK(data::inflate_bytes(bytes_of(packed(text)), "text") == text);
  CHECK(data::inflate_bytes(bytes_of(packed("")), "text").empty());

  gzFile file = gzopen((folder / "text.gz").c_str(), "wb");
  gzwrite(file, "prose", 5);
  gzclose(file);
  std::ifstream stream(folder / "text.gz", std::ios::binary);
  const std::string gzip((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  CHECK(data::inflate_bytes(bytes_of(gzip), "text") == "prose");
}

TEST_CASE("a stream that is cut short or no stream is an error") {
  const std::string whole = packed("It is a truth universally acknowledged");
  const std::string sentence = "text cannot be decompressed: it is damaged or cut short";
  CHECK_THROWS_MATCHES(data::inflate_bytes(bytes_of(whole.substr(0, whole.size() - 5)), "text"), Error,
                       Message(sentence));
  CHECK_THROWS_MATCHES(data::inflate_bytes(bytes_of("prose"), "text"), Error, Message(sentence));
  CHECK_THROWS_MATCHES(data::inflate_bytes({}, "text"), Error, Message(sentence));
}

TEST_CASE("character vectors are read from R's database by name") {
  const test::TemporaryFolder folder;
  const std::string pound = big_endian(16) + big_endian(1) + r_string("\xc2\xa3", 0x8009);
  const Database made = database({{"emma", r_strings({"EMMA", "", "By Jane Austen"})}, {"price", pound}});
  write(folder / "Rdata.rdx", made.index);
  write(folder / "Rdata.rdb", made.chunks);

  CHECK(data::read_r_strings(folder / "Rdata", "emma") == std::vector<std::string>{"EMMA", "", "By Jane Austen"});
  CHECK(data::read_r_strings(folder / "Rdata", "price") == std::vector<std::string>{"\xc2\xa3"});
  CHECK_THROWS_MATCHES(data::read_r_strings(folder / "Rdata", "sanditon"), Error,
                       Message(folder / "Rdata.rdx" + " has no object 'sanditon'"));
}

TEST_CASE("R's other values, other encodings and damaged counts are refused") {
  const test::TemporaryFolder folder;
  const std::string base = folder / "Rdata";
  const std::string sentence = base + ".rdb is damaged, or holds other than character vectors";
  const std::string real = big_endian(14) + big_endian(1) + std::string(8, '\0');
  const std::string latin = big_endian(16) + big_endian(1) + r_string("\xa3", 0x4009);
  const std::string endless = big_endian(16) + big_endian(0x7fffffff);
  for (const std::string& object : {real, latin, endless, std::string()}) {
    const Database made = database({{"x", object}});
    write(base + ".rdx", made.index);
    write(base + ".rdb", made.chunks);
    CHECK_THROWS_MATCHES(data::read_r_strings(base, "x"), Error, Message(sentence));
  }
  const Database made = database({{"x", r_strings({"text"})}});
  write(base + ".rdx", made.index);
  write(base + ".rdb", made.chunks.substr(0, made.chunks.size() - 1));
  CHECK_THROWS_MATCHES(data::read_r_strings(base, "x"), Error, Message(base + ".rdb is cut short"));
  std::filesystem::remove(base + ".rdb");
  CHECK_THROWS_MATCHES(data::read_r_strings(base, "x"), Error,
                       Message("cannot open " + base + ".rdb: No such file or directory"));
}

TEST_CASE("a SWORD text is read book by book, without its preface") {
  const test::TemporaryFolder folder;
  const std::vector<std::string> blocks = {"<milestone/>", "<div osisID=\"Gen\" sID=\"g\"/>In the beginning",
                                           "<div osisID=\"Exod\" sID=\"e\"/>Now these are the names"};
  std::string index, bytes;
  for (const std::string& block : blocks) {
    const std::string chunk = packed(block);
    index += little_endian(bytes.size()) + little_endian(chunk.size()) + little_endian(block.size());
    bytes += chunk;
  }
  write(folder / "ot.bzs", index);
  write(folder / "ot.bzz", bytes);
  const auto books = data::read_sword_books(folder / "ot");
  REQUIRE(books.size() == 2);
  CHECK(books[0].id == "Gen");
  CHECK(books[1].id == "Exod");
  CHECK(books[1].markup == blocks[2]);

  write(folder / "ot.bzz", bytes.substr(0, bytes.size() - 1));
  CHECK_THROWS_MATCHES(data::read_sword_books(folder / "ot"), Error, Message(folder / "ot.bzz" + " is cut short"));
  write(folder / "ot.bzz", bytes);
  index.back() = 1;
  write(folder / "ot.bzs", index);
  CHECK_THROWS_MATCHES(data::read_sword_books(folder / "ot"), Error,
                       Message(folder / "ot.bzz" + " does not hold what " + (folder / "ot.bzs") + " says"));
}

TEST_CASE("OSIS markup becomes running text, one line a paragraph") {
  CHECK(data::osis_text("And <w lemma=\"x\">God</w> said") == "And God said");
  CHECK(data::osis_text("<title type=\"main\">The <w>First</w> Book</title>In the") == "In the");
  CHECK(data::osis_text("light<note place=\"foot\">or <reference>lamp</reference></note>: and") == "light: and");
  CHECK(data::osis_text("end.<chapter eID=\"a\"/><chapter n=\"2\" sID=\"b\"/>Thus") == "end.\nThus");
  CHECK(data::osis_text("end.<div eID=\"a\" type=\"x-p\"/><div sID=\"b\" type=\"x-p\"/>Thus") == "end.\nThus");
  CHECK(data::osis_text("end.<div type=\"x-milestone\" sID=\"b\"/>Thus") == "end.Thus");
  CHECK(data::osis_text("end.<lb type=\"x-p\"/>\xc2\xb6 Thus") == "end.\n\n Thus");
  CHECK(data::osis_text("a<notable>b</notable>c<unfinished") == "abc");
}
