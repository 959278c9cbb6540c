// analysis/report/svg.hpp
//
// A small plotting layer: one Plot is one panel with axes, drawn as SVG text that the page's style sheet colours (light
// and dark). Shapes carry the class of their series (s0, s1, ...: colour, dash and marker by position, so that no
// meaning rests on colour alone).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/report/scale.hpp"

namespace velo::analysis {

/// Text for HTML and SVG: & < > and quotes escaped.
[[nodiscard]] std::string escaped(std::string_view text);
/// A coordinate with one decimal.
[[nodiscard]] std::string pixel(double value);

struct Point {
  double x = 0, y = 0;
};

struct Frame {
  double width = 420, height = 280;
  double left = 56, right = 14, top = 14, bottom = 44;

  [[nodiscard]] double x0() const { return left; }
  [[nodiscard]] double x1() const { return width - right; }
  [[nodiscard]] double y0() const { return height - bottom; }  ///< lower edge
  [[nodiscard]] double y1() const { return top; }
};

enum class Mark { filled, hollow };

class Plot {
 public:
  /// `description` is read aloud by screen readers.
  Plot(const Frame& frame, const Scale& x, const Scale& y, std::string description);

  void x_axis(const std::string& title, int ticks = 6);
  void y_axis(const std::string& title, int ticks = 5);
  /// One label per word of a categorical axis, at x = 0, 1, ...
  void x_names(const std::vector<std::string>& words, const std::string& title);
  /// One label per row of a categorical axis, at y = 0, 1, ...
  void y_names(const std::vector<std::string>& names);

  void line(const std::vector<Point>& points, std::size_t series, std::string_view css_class,
            const std::string& tip = "");
  void steps(const std::vector<Point>& points, std::size_t series, std::string_view css_class,
             const std::string& tip = "");
  void band(const std::vector<Point>& low, const std::vector<Point>& high, std::size_t series);
  void mark(Point at, std::size_t series, Mark kind, const std::string& tip, const std::string& link = "",
            double size = 4);
  /// A mark at a height in pixels, outside the scale.
  void mark_at_height(double x, double pixels, std::size_t series, Mark kind, const std::string& tip,
                      const std::string& link);
  void bar(Point from, Point to, std::string_view css_class, const std::string& tip);
  /// A line across, its label at the left end, above or below it.
  void horizontal(double y, const std::string& label, std::string_view css_class, bool above);
  /// Raw SVG in pixel coordinates.
  void raw(const std::string& svg) { body_ += svg; }

  [[nodiscard]] const Scale& x() const { return x_; }
  [[nodiscard]] const Scale& y() const { return y_; }
  [[nodiscard]] std::string svg() const;

 private:
  [[nodiscard]] std::string path(const std::vector<Point>& points, bool stepped) const;
  void put_mark(const std::string& shape, const std::string& tip, const std::string& link);
  void stroke(const std::string& path, std::size_t series, std::string_view css_class, const std::string& tip);

  Frame frame_;
  Scale x_, y_;
  std::string description_, axes_, curves_, body_;  // curves are cut off at the frame, marks are not
};

/// The marker of a series in pixel coordinates; its shape goes by position: disc, square, triangle, diamond, ...
[[nodiscard]] std::string marker(double x, double y, std::size_t series, Mark kind, double size);

/// A sample of line and marker for legends.
[[nodiscard]] std::string swatch(std::size_t series);

}  // namespace velo::analysis
