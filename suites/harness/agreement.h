// Ranks that must go on together must also fail together: what went wrong on one is told to all.
#pragma once

#include <functional>
#include <string>

#include "reports/base/error.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// The same text on every rank: that of the lowest rank whose text is not empty, with that rank's number in
/// front when only some ranks have one; empty when all are. Every rank must call it.
std::string agree_on(const ProcessGroup& group, const std::string& own);

/// Runs `step` on every rank and agrees on what was thrown; empty when nothing was.
std::string agreed_failure(const ProcessGroup& group, const std::function<void()>& step);

/// Thrown on every rank alike: the case has failed with this reason, and no rank waits for another, so that
/// the start can go on even when it comes from within a pass.
class AgreedError : public Error {
 public:
  explicit AgreedError(const std::string& reason) : Error(ExitStatus::cannot_run, reason) {}
};

/// As agreed_failure, and throws what was agreed on, on all ranks.
void agree_or_throw(const ProcessGroup& group, const std::function<void()>& step);

/// The text of `root` on every rank.
std::string broadcast_text(const ProcessGroup& group, std::string text, int root);

}  // namespace assay::bench
