#include "runners/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "reports/record/unit.h"

namespace assay {
namespace {

/// The first part about this case that is not decided, else the first one at all.
const PartVerdict* part_of(const ProgressState& state) {
  const PartVerdict* first = nullptr;
  if (state.judged == nullptr) return nullptr;
  for (const TargetVerdict& target : state.judged->targets) {
    for (const PartVerdict& part : target.parts) {
      if (part.case_key != state.case_key) continue;
      if (part.decided_at == 0) return &part;
      if (first == nullptr) first = &part;
    }
  }
  return first;
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

/// An estimate needs no digits: "40 s", "12 min", "3 h".
std::string roughly(double seconds) {
  const auto whole = [](double value) { return std::to_string(static_cast<long>(value + 0.5)); };
  if (seconds < 100) return whole(std::max(1.0, seconds)) + " s";
  if (seconds < 100 * 60) return whole(seconds / 60) + " min";
  return whole(seconds / 3600) + " h";
}

/// At most `columns` characters; texts here are ASCII but for labels, whose UTF-8 sequences stay whole.
std::string cut(const std::string& text, int columns) {
  int used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (++used > columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

int terminal_width(std::FILE* stream, int otherwise) {
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return otherwise;
}

bool is_terminal(std::FILE* stream) {
  return ::isatty(::fileno(stream)) == 1;
}

// What changes comes first: a narrow terminal cuts the label, not the evidence.
std::string status_text(const ProgressState& state) {
  std::string text = std::to_string(state.launches) + "/" + std::to_string(state.most_launches) + ", " +
                     roughly(state.left_s) + " left";
  if (const PartVerdict* part = part_of(state)) {
    text += ", E pass " + number(part->e_pass) + " fail " + number(part->e_fail);
    if (part->decided_at > 0) text += " (" + std::string(to_string(part->verdict)) + ")";
    if (part->interval.lower || part->interval.upper) {
      text += ", ";
      text += part->interval.lower ? format_value(*part->interval.lower, part->unit) : "?";
      text += " to ";
      text += part->interval.upper ? format_value(*part->interval.upper, part->unit) : "?";
    }
  }
  return text + ": " + state.label;
}

void Console::clear() {
  if (!line_shown_) return;
  std::fputs("\r\x1b[K", stream_);
  std::fflush(stream_);
  line_shown_ = false;
}

void Console::running(const ProgressState& state) {
  if (style_ != Style::terminal) return;
  const std::string line =
      cut("[" + std::to_string(state.start) + "] " + status_text(state), std::max(10, width_ - 1));
  std::fprintf(stream_, "\r\x1b[K%s", line.c_str());
  std::fflush(stream_);
  line_shown_ = true;
}

void Console::start_ended(const ProgressState& state, const std::string& what) {
  if (style_ != Style::lines) return;
  int decided = 0, parts = 0;
  if (state.judged != nullptr) {
    for (const TargetVerdict& target : state.judged->targets) {
      for (const PartVerdict& part : target.parts) {
        if (part.case_key.empty()) continue;
        ++parts;
        decided += part.decided_at > 0 ? 1 : 0;
      }
    }
  }
  std::fprintf(stream_, "start %d: %s; %d of %d targets' parts decided; about %s left\n", state.start,
               what.c_str(), decided, parts, roughly(state.left_s).c_str());
  std::fflush(stream_);
}

void Console::note(const std::string& text) {
  if (style_ == Style::quiet) return;
  clear();
  std::fprintf(stream_, "%s\n", text.c_str());
  std::fflush(stream_);
}

}  // namespace assay
