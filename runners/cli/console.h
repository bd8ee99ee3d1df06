// Progress for people: one status line on a terminal, plain lines elsewhere, nothing with --quiet.
#pragma once

#include <cstdio>
#include <string>

#include "runners/campaign/progress.h"

namespace assay {

/// Columns of the terminal behind `stream`; `otherwise` when it is none.
int terminal_width(std::FILE* stream, int otherwise);
bool is_terminal(std::FILE* stream);

/// "f32 m=2048: 4 of 12 launches, interval 400 to 420 GFLOP/s, E pass 6.2 fail 0.1, 40 s left"; shows the
/// first target part on the running case that is not decided.
std::string status_text(const ProgressState& state);

class Console final : public Progress {
 public:
  enum class Style { quiet, lines, terminal };
  Console(std::FILE* stream, Style style, int width) : stream_(stream), style_(style), width_(width) {}
  ~Console() override { clear(); }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void running(const ProgressState& state) override;
  void start_ended(const ProgressState& state, const std::string& what) override;
  void note(const std::string& text) override;

 private:
  void clear();

  std::FILE* stream_;
  Style style_;
  int width_;
  bool line_shown_ = false;
};

}  // namespace assay
