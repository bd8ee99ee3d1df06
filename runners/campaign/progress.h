// What a running campaign tells, without knowing who listens.
#pragma once

#include <string>

#include "reports/judge/judgement.h"

namespace assay {

struct ProgressState {
  std::string label;  ///< of the running case
  std::string case_key;
  int start = 0;     ///< number of the running start
  int launches = 0;  ///< of this case so far
  int most_launches = 0;
  double elapsed_s = 0;
  double left_s = 0;                  ///< estimate
  const Judgement* judged = nullptr;  ///< after the last start; nullptr before
};

class Progress {
 public:
  virtual ~Progress() = default;
  /// A case begins to run.
  virtual void running(const ProgressState& state) = 0;
  /// A start has ended: what it gave, in words ("4 of 4 cases completed").
  virtual void start_ended(const ProgressState& state, const std::string& what) = 0;
  /// Something that people should read now.
  virtual void note(const std::string& text) = 0;
};

}  // namespace assay
