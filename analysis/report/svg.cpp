#include "analysis/report/svg.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "results/text.hpp"

namespace velo::analysis {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string pixel(double value) {
  std::array<char, 64> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.1f", value);
  std::string text(buffer.data(), static_cast<std::size_t>(length));
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

namespace {

constexpr std::size_t styles = 12;  // as many as style.css defines; markers repeat after eight

std::string title(const std::string& tip) { return tip.empty() ? "" : cat("<title>", escaped(tip), "</title>"); }

std::string series_attributes(std::size_t series, std::string_view css_class) {
  return cat(" class=\"", css_class, " s", series % styles, "\"");
}

std::string line_between(double x0, double y0, double x1, double y1, std::string_view css_class) {
  return cat("<line class=\"", css_class, "\" x1=\"", pixel(x0), "\" y1=\"", pixel(y0), "\" x2=\"", pixel(x1),
             "\" y2=\"", pixel(y1), "\"/>");
}

std::string text_at(double x, double y, std::string_view css_class, const std::string& text,
                    const std::string& transform = "") {
  return cat("<text class=\"", css_class, "\" x=\"", pixel(x), "\" y=\"", pixel(y), "\"", transform, ">", escaped(text),
             "</text>");
}

std::string polygon(std::initializer_list<Point> points) {
  std::string out = "<polygon points=\"";
  for (const Point& point : points) out += cat(pixel(point.x), ",", pixel(point.y), " ");
  return out + "\"/>";
}

}  // namespace

std::string marker(double x, double y, std::size_t series, Mark kind, double size) {
  const double r = size;
  std::string shape;
  switch (series % 8) {
    case 0:
      shape = cat("<circle cx=\"", pixel(x), "\" cy=\"", pixel(y), "\" r=\"", pixel(r), "\"/>");
      break;
    case 1:
      shape = polygon({{x - r, y - r}, {x + r, y - r}, {x + r, y + r}, {x - r, y + r}});
      break;
    case 2:
      shape = polygon({{x, y - 1.2 * r}, {x + 1.15 * r, y + r}, {x - 1.15 * r, y + r}});
      break;
    case 3:
      shape = polygon({{x, y - 1.35 * r}, {x + 1.35 * r, y}, {x, y + 1.35 * r}, {x - 1.35 * r, y}});
      break;
    case 4:
      shape = polygon({{x, y + 1.2 * r}, {x + 1.15 * r, y - r}, {x - 1.15 * r, y - r}});
      break;
    case 5:
      shape = polygon({{x - 1.2 * r, y}, {x + r, y - 1.15 * r}, {x + r, y + 1.15 * r}});
      break;
    case 6: {
      const double a = r * 0.45;
      shape = polygon({{x - a, y - 1.3 * r},
                       {x + a, y - 1.3 * r},
                       {x + a, y - a},
                       {x + 1.3 * r, y - a},
                       {x + 1.3 * r, y + a},
                       {x + a, y + a},
                       {x + a, y + 1.3 * r},
                       {x - a, y + 1.3 * r},
                       {x - a, y + a},
                       {x - 1.3 * r, y + a},
                       {x - 1.3 * r, y - a},
                       {x - a, y - a}});
      break;
    }
    default:
      shape = polygon({{x - 0.6 * r, y - 1.1 * r},
                       {x + 0.6 * r, y - 1.1 * r},
                       {x + 1.2 * r, y},
                       {x + 0.6 * r, y + 1.1 * r},
                       {x - 0.6 * r, y + 1.1 * r},
                       {x - 1.2 * r, y}});
  }
  return cat("<g", series_attributes(series, kind == Mark::hollow ? "mk hollow" : "mk"), ">", shape, "</g>");
}

std::string swatch(std::size_t series) {
  return cat("<svg class=\"swatch\" width=\"34\" height=\"14\" aria-hidden=\"true\"><line class=\"main s",
             series % styles, "\" x1=\"1\" y1=\"7\" x2=\"33\" y2=\"7\"/>", marker(17, 7, series, Mark::filled, 3.6),
             "</svg>");
}

Plot::Plot(const Frame& frame, const Scale& x, const Scale& y, std::string description)
    : frame_(frame), x_(x), y_(y), description_(std::move(description)) {}

void Plot::x_axis(const std::string& title, int ticks) {
  for (const Tick& tick : x_.ticks(ticks)) {
    const double x = x_(tick.value);
    if (!tick.label.empty()) axes_ += line_between(x, frame_.y0(), x, frame_.y1(), "grid");
    axes_ += line_between(x, frame_.y0(), x, frame_.y0() + (tick.label.empty() ? 3 : 5), "axis");
    if (!tick.label.empty()) axes_ += text_at(x, frame_.y0() + 17, "tick mid", tick.label);
  }
  axes_ += line_between(frame_.x0(), frame_.y0(), frame_.x1(), frame_.y0(), "axis");
  axes_ += text_at((frame_.x0() + frame_.x1()) / 2, frame_.y0() + 35, "title mid", title);
}

void Plot::y_axis(const std::string& title, int ticks) {
  for (const Tick& tick : y_.ticks(ticks)) {
    const double y = y_(tick.value);
    if (!tick.label.empty()) axes_ += line_between(frame_.x0(), y, frame_.x1(), y, "grid");
    axes_ += line_between(frame_.x0() - (tick.label.empty() ? 3 : 5), y, frame_.x0(), y, "axis");
    if (!tick.label.empty()) axes_ += text_at(frame_.x0() - 8, y + 4, "tick end", tick.label);
  }
  axes_ += line_between(frame_.x0(), frame_.y0(), frame_.x0(), frame_.y1(), "axis");
  const double middle = (frame_.y0() + frame_.y1()) / 2;
  axes_ += text_at(13, middle, "title mid", title, cat(" transform=\"rotate(-90 13 ", pixel(middle), ")\""));
}

void Plot::x_names(const std::vector<std::string>& words, const std::string& title) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    axes_ += text_at(x_(static_cast<double>(i)), frame_.y0() + 17, "tick mid", words[i]);
  }
  axes_ += line_between(frame_.x0(), frame_.y0(), frame_.x1(), frame_.y0(), "axis");
  axes_ += text_at((frame_.x0() + frame_.x1()) / 2, frame_.y0() + 35, "title mid", title);
}

void Plot::y_names(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double y = y_(static_cast<double>(i));
    axes_ += cat("<g>", line_between(frame_.x0(), y, frame_.x1(), y, "grid"),
                 text_at(frame_.x0() - 8, y + 4, "tick end name", names[i]), "</g>");
  }
  axes_ += line_between(frame_.x0(), frame_.y0(), frame_.x0(), frame_.y1(), "axis");
}

std::string Plot::path(const std::vector<Point>& points, bool stepped) const {
  std::string out;
  for (const Point& point : points) {
    const std::string x = pixel(x_(point.x)), y = pixel(y_(point.y));
    if (out.empty()) {
      out = cat("M", x, " ", y);
    } else if (stepped) {
      out += cat("H", x, "V", y);
    } else {
      out += cat("L", x, " ", y);
    }
  }
  return out;
}

void Plot::stroke(const std::string& path, std::size_t series, std::string_view css_class, const std::string& tip) {
  if (path.empty()) return;
  curves_ += cat("<path", series_attributes(series, css_class), " d=\"", path, "\">", title(tip), "</path>");
}

void Plot::line(const std::vector<Point>& points, std::size_t series, std::string_view css_class,
                const std::string& tip) {
  stroke(path(points, false), series, css_class, tip);
}

void Plot::steps(const std::vector<Point>& points, std::size_t series, std::string_view css_class,
                 const std::string& tip) {
  stroke(path(points, true), series, css_class, tip);
}

void Plot::band(const std::vector<Point>& low, const std::vector<Point>& high, std::size_t series) {
  std::string outline = path(high, true);
  const auto corner = [&](double x, double y) { outline += cat("L", pixel(x_(x)), " ", pixel(y_(y))); };
  for (std::size_t i = low.size(); i-- > 0;) {
    corner(low[i].x, low[i].y);
    if (i > 0) corner(low[i].x, low[i - 1].y);
  }
  curves_ += cat("<path", series_attributes(series, "band"), " d=\"", outline, "Z\"/>");
}

void Plot::put_mark(const std::string& shape, const std::string& tip, const std::string& link) {
  const std::string tipped = cat("<g>", title(tip), shape, "</g>");
  body_ += link.empty() ? tipped : cat("<a href=\"", escaped(link), "\" tabindex=\"-1\">", tipped, "</a>");
}

void Plot::mark(Point at, std::size_t series, Mark kind, const std::string& tip, const std::string& link, double size) {
  put_mark(marker(x_(at.x), y_(at.y), series, kind, size), tip, link);
}

void Plot::mark_at_height(double x, double pixels, std::size_t series, Mark kind, const std::string& tip,
                          const std::string& link) {
  put_mark(marker(x_(x), pixels, series, kind, 4), tip, link);
}

void Plot::bar(Point from, Point to, std::string_view css_class, const std::string& tip) {
  const double x = std::min(x_(from.x), x_(to.x)), y = std::min(y_(from.y), y_(to.y));
  body_ += cat("<rect class=\"", css_class, "\" x=\"", pixel(x), "\" y=\"", pixel(y), "\" width=\"",
               pixel(std::abs(x_(to.x) - x_(from.x))), "\" height=\"", pixel(std::abs(y_(to.y) - y_(from.y))), "\">",
               title(tip), "</rect>");
}

void Plot::horizontal(double y, const std::string& label, std::string_view css_class, bool above) {
  body_ += line_between(frame_.x0(), y_(y), frame_.x1(), y_(y), css_class);
  body_ += text_at(frame_.x0() + 6, y_(y) + (above ? -6 : 15), "label halo", label);
}

std::string Plot::svg() const {
  // A nested picture cuts off what leaves the frame (a pixel of room for lines on the edge).
  const std::string box = cat(pixel(frame_.x0() - 1), " ", pixel(frame_.y1() - 1), " ",
                              pixel(frame_.x1() - frame_.x0() + 2), " ", pixel(frame_.y0() - frame_.y1() + 2));
  const std::string inner =
      curves_.empty() ? ""
                      : cat("<svg x=\"", pixel(frame_.x0() - 1), "\" y=\"", pixel(frame_.y1() - 1), "\" width=\"",
                            pixel(frame_.x1() - frame_.x0() + 2), "\" height=\"", pixel(frame_.y0() - frame_.y1() + 2),
                            "\" viewBox=\"", box, "\">", curves_, "</svg>");
  return cat("<svg class=\"plot\" viewBox=\"0 0 ", pixel(frame_.width), " ", pixel(frame_.height), "\" width=\"",
             pixel(frame_.width), "\" height=\"", pixel(frame_.height), "\" role=\"img\" aria-label=\"",
             escaped(description_), "\">", axes_, inner, body_, "</svg>");
}

}  // namespace velo::analysis
