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

/// What every rank throws alike because one of them failed. Nobody waits for another, so the case has failed
/// and the start goes on.
class AgreedError : public Error {
 public:
  explicit AgreedError(const std::string& agreed) : Error(ExitStatus::cannot_run, agreed) {}
};

/// Runs `step` on every rank; what is thrown on any becomes the same AgreedError on all.
void throw_agreed(const ProcessGroup& group, const std::function<void()>& step);

/// The text of `root` on every rank.
std::string broadcast_text(const ProcessGroup& group, std::string text, int root);

}  // namespace assay::bench
