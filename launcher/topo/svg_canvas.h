#pragma once

#include <string>
#include <string_view>

namespace trireme::launcher {

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// Collects the elements of a picture. Text is escaped, and cut to what fits the width given.
class SvgCanvas {
 public:
  // `style` is the name of a class in the picture's style sheet.
  void box(const Box& box, std::string_view style, double radius = 10);
  void text(double x, double y, std::string_view style, std::string_view text, double width = 0);
  // A curve from left to right.
  void curve(double x1, double y1, double x2, double y2, std::string_view style);
  // A full document. `title` is read by screen readers and shown as a tool tip.
  [[nodiscard]] std::string document(double width, double height, std::string_view title) const;

 private:
  std::string elements_;
};

// Roughly how wide a text is drawn: no font is at hand to measure with.
[[nodiscard]] double text_width(std::string_view text, double font_size);

}  // namespace trireme::launcher
