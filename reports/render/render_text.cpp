// The verdict table for a terminal. Wide terminals get one line a part; others two (what, then its numbers);
// narrow ones a list. Colour is never the only signal: the word is always there.
#include <algorithm>

#include "reports/render/escape.h"
#include "reports/render/present.h"
#include "reports/render/render.h"
#include "reports/render/text_table.h"

namespace assay {
namespace render {
namespace {

constexpr std::size_t least_what = 26;  // columns for "what" in the one-line layout
constexpr std::size_t most_clause = 14;
constexpr std::size_t least_width = 30;

const char* colour_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "\x1b[32m";
    case Verdict::fail:
      return "\x1b[1;31m";
    case Verdict::invalid:
      return "\x1b[1;35m";
    case Verdict::inconclusive:
      return "\x1b[33m";
    case Verdict::missing:
      return "\x1b[1;33m";
    case Verdict::waived:
      return "\x1b[36m";
  }
  return "";
}

class TextReport {
 public:
  TextReport(const Judgement& judgement, int width, bool colour)
      : judgement_(judgement),
        width_(std::max(least_width, static_cast<std::size_t>(std::max(width, 0)))),
        colour_(colour) {}

  std::string write() {
    write_head();
    choose_layout();
    for (const Level level : levels) write_level(level);
    write_reasons();
    write_foot();
    return std::move(text_);
  }

 private:
  /// The columns of numbers of one part; the verdict is the last.
  static std::vector<Column> number_columns() {
    return {{"Required", 16}, {"Measured", 14}, {"Interval", 14},
            {"Launches", 8},  {"Devices", 7},   {"Verdict", 12}};
  }

  static Verdict shown(const TargetVerdict& target, const PartVerdict* part) {
    return part == nullptr || target.verdict == Verdict::waived ? target.verdict : part->verdict;
  }

  static std::vector<std::string> numbers(const TargetVerdict& target, const PartVerdict* part) {
    const std::string verdict = to_string(shown(target, part));
    if (part == nullptr) return {"-", "-", "-", "-", "-", verdict};
    return {clean(part->required_text),
            clean(measured_text(*part)),
            interval_text(*part),
            is_timed(*part) ? met_text(*part) : "-",
            part->devices > 0 ? thousands(part->devices) : "-",
            verdict};
  }

  static std::string what(const TargetVerdict& target, const PartVerdict* part) {
    std::string text = clean(target.title);
    if (part != nullptr && !part->case_label.empty()) text += " (" + clean(part->case_label) + ")";
    return text;
  }

  template <typename Use>
  static void each_part(const TargetVerdict& target, Use use) {
    if (target.parts.empty()) use(nullptr);
    for (const PartVerdict& part : target.parts) use(&part);
  }

  void line(const std::string& content) {
    if (!content.empty()) text_ += hanging("", clean(content), width_);
  }

  /// The word in its colour; `content` must be laid out already.
  std::string coloured(const std::string& content, Verdict verdict) const {
    return colour_ ? colour_of(verdict) + content + "\x1b[0m" : content;
  }

  void write_head() {
    for (const std::string& each : wrap(clean(judgement_.headline), width_)) {
      text_ += coloured(each, judgement_.overall) + "\n";
    }
    line(judgement_.system + ", " + judgement_.campaign + ", " +
         period_text(judgement_.started, judgement_.finished));
    const std::string place = register_text(judgement_);
    line(counts_text(judgement_) + (place.empty() ? "" : "; " + place));
  }

  /// One layout for all levels, so that their columns stand beneath each other.
  void choose_layout() {
    std::vector<std::vector<std::string>> rows;
    clause_width_ = 6;
    for (const TargetVerdict& target : judgement_.targets) {
      clause_width_ = std::max(clause_width_, std::min(most_clause, display_width(clean(target.id))));
      each_part(target, [&](const PartVerdict* part) { rows.push_back(numbers(target, part)); });
    }
    columns_ = number_columns();
    const std::size_t beside_what = clause_width_ + 2 * column_gap + least_what;
    const std::size_t natural = fit(columns_, rows, width_ > beside_what ? width_ - beside_what : 0);
    one_line_ = natural + beside_what <= width_;
    if (one_line_) {
      const std::size_t what_width = width_ - natural - clause_width_ - 2 * column_gap;
      columns_.insert(columns_.begin(), {Column{"Clause", 0, clause_width_}, Column{"What", 0, what_width}});
      return;
    }
    const std::size_t indented = width_ - std::min(width_, clause_width_ + column_gap);
    listed_ = fit(columns_, rows, indented) > indented;
  }

  void write_level(Level level) {
    const auto of_level = [&](const TargetVerdict& target) { return target.level == level; };
    if (std::none_of(judgement_.targets.begin(), judgement_.targets.end(), of_level)) return;
    std::string title = to_string(level);
    std::transform(title.begin(), title.end(), title.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    text_ += "\n" + title + "\n";
    const std::size_t indent = one_line_ ? 0 : clause_width_ + column_gap;
    if (!listed_) {
      std::vector<std::string> names;
      for (const Column& column : columns_) names.push_back(column.name);
      text_ += row_text(columns_, names, indent);
      text_ += std::string(width_, '-') + "\n";
    }
    for (const TargetVerdict& target : judgement_.targets) {
      if (of_level(target)) write_target(target, indent);
    }
  }

  void write_target(const TargetVerdict& target, std::size_t indent) {
    bool first = true;
    const std::string id = clean(target.id);
    const std::string head = padded(id, clause_width_) + "  ";
    each_part(target, [&](const PartVerdict* part) {
      std::vector<std::string> cells = numbers(target, part);
      const Verdict verdict = shown(target, part);
      if (one_line_) {
        cells.insert(cells.begin(), {first ? id : "", what(target, part)});
      } else if (first) {
        text_ += display_width(id) > clause_width_ ? hanging("", id + "  " + clean(target.title), width_)
                                                   : hanging(head, clean(target.title), width_);
      }
      const std::string blanks(clause_width_ + column_gap, ' ');
      if (!one_line_ && part != nullptr && !part->case_label.empty())
        text_ += hanging(blanks, clean(part->case_label), width_);
      if (listed_) {
        write_list(cells, verdict);
      } else {
        text_ += with_verdict(row_text(columns_, cells, indent), verdict);
      }
      first = false;
    });
  }

  void write_list(const std::vector<std::string>& cells, Verdict verdict) {
    const std::vector<Column> names = number_columns();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (cells[i] == "-") continue;
      const std::string part = hanging("  " + padded(names[i].name, 9) + " ", cells[i], width_);
      text_ += i + 1 == names.size() ? with_verdict(part, verdict) : part;
    }
  }

  /// Colours the verdict's word: the last one of the row's first line.
  std::string with_verdict(std::string row, Verdict verdict) const {
    const std::string word = to_string(verdict);
    const std::size_t end = row.find('\n');
    const std::size_t at = row.rfind(word, end);
    if (at != std::string::npos && at + word.size() == end)
      row.replace(at, word.size(), coloured(word, verdict));
    return row;
  }

  void write_findings(const std::vector<Finding>& findings, const std::string& blanks) {
    for (const Finding& finding : findings) {
      const FindingKind* kind = known_kind(finding.code);
      const std::string title = kind != nullptr ? std::string(kind->title) + ": " : "";
      text_ += hanging(blanks, clean(finding.code + " " + title + finding.text), width_);
      if (kind != nullptr) text_ += hanging(blanks + "  next: ", clean(kind->action), width_);
    }
  }

  void write_reasons() {
    // A target that passes is explained here only when there is something to do about it.
    const auto speaks = [](const TargetVerdict& target) {
      return target.verdict != Verdict::pass ||
             std::any_of(target.findings.begin(), target.findings.end(), [](const Finding& finding) {
               const FindingKind* kind = known_kind(finding.code);
               return kind == nullptr || kind->severity != Severity::note;
             });
    };
    if (std::any_of(judgement_.targets.begin(), judgement_.targets.end(), speaks))
      text_ += "\nREASONS AND WHAT TO DO NEXT\n";
    for (const TargetVerdict& target : judgement_.targets) {
      if (!speaks(target)) continue;
      std::string head =
          clean(target.id) + " " + to_string(target.verdict) + ": " + clean(sentence(target.reason));
      if (target.waiver)
        head +=
            " " + clean(waiver_text(*target.waiver)) + " (beneath it: " + to_string(target.underlying) + ")";
      text_ += hanging("", head, width_);
      write_findings(target.findings, "  ");
      for (const PartVerdict& part : target.parts) {
        // Not wrapped, so that it can be copied.
        if (part.verdict == Verdict::pass || part.repeat_command.empty()) continue;
        text_ += "  repeat: " + clean(part.repeat_command) + "\n";
      }
    }
    if (judgement_.findings.empty()) return;
    text_ += "\nFINDINGS ABOUT THE CAMPAIGN\n";
    write_findings(judgement_.findings, "");
  }

  void write_foot() {
    text_ += "\n";
    line("Interval: " + bounds_text(judgement_) + ". Launches: met / started. Devices: behind each verdict.");
    std::string how = judgement_.decision_text;
    if (!judgement_.stop_text.empty()) how += (how.empty() ? "" : "; ") + judgement_.stop_text;
    line(how.empty() ? how : "Decided by: " + how + ".");
  }

  const Judgement& judgement_;
  std::size_t width_;
  bool colour_;
  std::string text_;
  std::vector<Column> columns_;
  std::size_t clause_width_ = 6;
  bool one_line_ = false;
  bool listed_ = false;
};

}  // namespace
}  // namespace render

std::string render_text(const Judgement& judgement, int width, bool colour) {
  return render::TextReport(judgement, width, colour).write();
}

}  // namespace assay
