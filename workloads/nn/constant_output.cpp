// All edits of a sequence h at once: let F[i][j] be the distance of the first i labels said from h[0 .. j), and B[i][j]
// that of the others from h[j ..). Where h[j .. k) becomes the label s (k = j: an insertion, k = j + 1: a substitution),
// s is superfluous, or stands for one label said:
//   min over i of  F[i][j] + 1 + B[i][k]  and  F[i][j] + [said[i] != s] + B[i + 1][k]
// and where h[j] is deleted the distance is min over i of F[i][j] + B[i][j + 1].
#include "workloads/nn/constant_output.hpp"

#include <algorithm>

#include "workloads/nn/spelling.hpp"

namespace velo::nn {

namespace {

using Labels = std::span<const std::uint8_t>;

/// F and B of one utterance, row by row.
class Distances {
 public:
  void compute(Labels said, Labels heard) {
    width_ = heard.size() + 1;
    const std::size_t rows = said.size() + 1;
    ahead_.resize(rows * width_);
    behind_.resize(rows * width_);
    const auto cost = [&](std::size_t i, std::size_t j) { return said[i] == heard[j] ? Index{0} : Index{1}; };
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < width_; ++j) {
        Index& d = ahead_[i * width_ + j];
        d = static_cast<Index>(i + j);  // an upper bound, exact at the edges
        if (i > 0) d = std::min(d, ahead(i - 1, j) + 1);
        if (j > 0) d = std::min(d, ahead(i, j - 1) + 1);
        if (i > 0 && j > 0) d = std::min(d, ahead(i - 1, j - 1) + cost(i - 1, j - 1));
      }
    for (std::size_t i = rows; i-- > 0;)
      for (std::size_t j = width_; j-- > 0;) {
        const bool more_said = i + 1 < rows, more_heard = j + 1 < width_;
        Index& d = behind_[i * width_ + j];
        d = static_cast<Index>(rows - 1 - i + width_ - 1 - j);
        if (more_said) d = std::min(d, behind(i + 1, j) + 1);
        if (more_heard) d = std::min(d, behind(i, j + 1) + 1);
        if (more_said && more_heard) d = std::min(d, behind(i + 1, j + 1) + cost(i, j));
      }
  }
  [[nodiscard]] Index ahead(std::size_t i, std::size_t j) const { return ahead_[i * width_ + j]; }
  [[nodiscard]] Index behind(std::size_t i, std::size_t j) const { return behind_[i * width_ + j]; }

 private:
  std::size_t width_ = 0;
  std::vector<Index> ahead_, behind_;
};

/// Distances, summed over a split, of every sequence that h[first .. last) makes way for a label to. Label 0: for none.
struct Edit {
  std::size_t first, last;
  std::vector<Index> sums;  ///< [symbols + 1]
};

std::vector<Edit> edits_of(Labels heard, Index symbols) {
  std::vector<Edit> edits;
  const std::vector<Index> none(static_cast<std::size_t>(symbols + 1));
  for (std::size_t j = 0; j <= heard.size(); ++j) {
    edits.push_back({j, j, none});
    if (j < heard.size()) edits.push_back({j, j + 1, none});
  }
  return edits;
}

void add_distances(const Distances& distances, Labels said, Edit& edit, std::vector<Index>& least) {
  Index gone = distances.ahead(0, edit.first) + distances.behind(0, edit.last), replaced = gone + 1;
  std::ranges::fill(least, gone + 1);
  for (std::size_t i = 0; i < said.size(); ++i) {
    const Index split = distances.ahead(i, edit.first) + distances.behind(i + 1, edit.last);
    replaced = std::min(replaced, split + 1);
    least[said[i]] = std::min(least[said[i]], split);
    gone = std::min(gone, distances.ahead(i + 1, edit.first) + distances.behind(i + 1, edit.last));
  }
  const Index otherwise = std::min(replaced, gone + 1);
  edit.sums[0] += gone;
  for (std::size_t s = 1; s < edit.sums.size(); ++s) edit.sums[s] += std::min(least[s], otherwise);
}

}  // namespace

double error_rate(const data::SpeechSplit& split, Labels heard) {
  EditDistance distance;
  Index sum = 0;
  for (Index u = 0; u < split.utterances(); ++u) sum += distance(split.labels(u), heard);
  return static_cast<double>(sum) / static_cast<double>(split.total_labels());
}

std::vector<std::uint8_t> constant_output(const data::SpeechSplit& split, Index symbols) {
  std::vector<std::uint8_t> heard;
  std::vector<Index> least(static_cast<std::size_t>(symbols + 1));
  Distances distances;
  for (Index best = split.total_labels();;) {  // the distance of silence
    std::vector<Edit> edits = edits_of(heard, symbols);
    for (Index u = 0; u < split.utterances(); ++u) {
      distances.compute(split.labels(u), heard);
      for (Edit& edit : edits) add_distances(distances, split.labels(u), edit, least);
    }
    const Edit* chosen = nullptr;
    std::uint8_t label = 0;
    for (const Edit& edit : edits)
      for (std::size_t s = 0; s < edit.sums.size(); ++s)
        if (edit.sums[s] < best) {
          best = edit.sums[s];
          chosen = &edit;
          label = static_cast<std::uint8_t>(s);
        }
    if (chosen == nullptr) return heard;
    const auto at = heard.erase(heard.begin() + static_cast<std::ptrdiff_t>(chosen->first),
                                heard.begin() + static_cast<std::ptrdiff_t>(chosen->last));
    if (label > 0) heard.insert(at, label);
  }
}

}  // namespace velo::nn
