#include "topo/svg_canvas.h"

#include <fmt/format.h>

namespace trireme::launcher {

namespace {

constexpr std::string_view kStyle = R"(
  .page{fill:#f6f7fb}
  .card{fill:#fff;stroke:#dfe4ee}
  .switch{fill:#f3f6fc;stroke:#b9c6de;stroke-dasharray:4 3}
  .core{fill:#c9d2e3}.core1{fill:#aab9d4}
  .gpu{fill:#e7f6ec;stroke:#2f9e62}.gpuless{fill:#f4f4f4;stroke:#9aa1ad;stroke-dasharray:4 3}
  .adapter{fill:#e8effd;stroke:#3b6fd4}.idle{fill:#f4f4f4;stroke:#9aa1ad}
  .physical{fill:#eef1f6;stroke:#68748a}.paravirtual{fill:#fff3dd;stroke:#d48a0c}.virtual{fill:#fdeae1;stroke:#dd6a33}
  .badge{fill:#20304f}
  text{font-family:Inter,"Segoe UI",system-ui,"DejaVu Sans",sans-serif;fill:#1d2433}
  .t1{font-size:26px;font-weight:700}.t2{font-size:13px;fill:#5a6478}
  .h{font-size:14px;font-weight:700}.s{font-size:11px;fill:#5a6478}.b{font-size:12.5px;font-weight:600}
  .w{font-size:10.5px;font-weight:600;fill:#fff}
  .n{font-size:22px;font-weight:700}
  .m{font-family:"JetBrains Mono",Menlo,"DejaVu Sans Mono",monospace;font-size:11.5px}
  .near,.node,.far,.unknown,.part{fill:none;stroke-width:2.5}
  .near{stroke:#2f9e62}.node{stroke:#3b6fd4}.far{stroke:#dd6a33}.unknown{stroke:#9aa1ad;stroke-dasharray:5 4}
  .part{stroke:#d48a0c;stroke-width:2}
)";

// Points a character of our fonts takes at size 1, on average.
constexpr double kCharacter = 0.55;
constexpr double kFixedCharacter = 0.61;
constexpr double kSmallestFont = 11;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) >= 0x20U) {
      out += c;
    }
  }
  return out;
}

double font_size(std::string_view style) {
  if (style == "t1") return 26;
  if (style == "n") return 22;
  if (style == "h") return 14;
  if (style == "m") return 11.5;
  return style == "b" ? 12.5 : kSmallestFont;
}

std::string cut(std::string_view text, std::string_view style, double width) {
  const auto character = style == "m" ? kFixedCharacter : kCharacter;
  const auto most = static_cast<std::size_t>(width / (character * font_size(style)));
  if (width <= 0 || text.size() <= most) return std::string(text);
  return std::string(text.substr(0, most > 1 ? most - 1 : 1)) + "…";
}

}  // namespace

double text_width(std::string_view text, double font_size) {
  return static_cast<double>(text.size()) * font_size * kCharacter;
}

void SvgCanvas::box(const Box& box, std::string_view style, double radius) {
  elements_ += fmt::format(R"(<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}" rx="{:g}"/>)", style, box.x,
                           box.y, box.width, box.height, radius) +
               '\n';
}

void SvgCanvas::text(double x, double y, std::string_view style, std::string_view text, double width) {
  elements_ +=
      fmt::format(R"(<text class="{}" x="{:g}" y="{:g}">{}</text>)", style, x, y, escaped(cut(text, style, width))) +
      '\n';
}

void SvgCanvas::curve(double x1, double y1, double x2, double y2, std::string_view style) {
  const double middle = (x1 + x2) / 2;
  elements_ += fmt::format(R"(<path class="{}" d="M{:g} {:g}C{:g} {:g} {:g} {:g} {:g} {:g}"/>)", style, x1, y1, middle,
                           y1, middle, y2, x2, y2) +
               '\n';
}

std::string SvgCanvas::document(double width, double height, std::string_view title) const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" height=\"{1:g}\" "
      "role=\"img\">\n<title>{2}</title>\n<style>{3}</style>\n<rect class=\"page\" width=\"{0:g}\" "
      "height=\"{1:g}\"/>\n{4}</svg>\n",
      width, height, escaped(title), kStyle, elements_);
}

}  // namespace trireme::launcher
