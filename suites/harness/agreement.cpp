#include "suites/harness/agreement.h"

#include <exception>

namespace assay::bench {

std::string broadcast_text(const ProcessGroup& group, std::string text, int root) {
  std::uint64_t length = text.size();
  group.broadcast(&length, sizeof length, root);
  text.resize(length);
  group.broadcast(text.data(), length, root);
  return text;
}

std::string agree_on(const ProcessGroup& group, const std::string& own) {
  if (!group.any(!own.empty())) return {};
  const auto texts = group.gather(own, 0);
  std::string agreed;
  bool all_the_same = true;
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    all_the_same = all_the_same && texts[rank] == texts[0];
    if (agreed.empty() && !texts[rank].empty()) agreed = "rank " + std::to_string(rank) + ": " + texts[rank];
  }
  if (all_the_same && !texts.empty()) agreed = texts[0];
  return broadcast_text(group, std::move(agreed), 0);
}

std::string agreed_failure(const ProcessGroup& group, const std::function<void()>& step) {
  std::string reason;
  try {
    step();
  } catch (const std::exception& failure) {
    reason = failure.what();
    if (reason.empty()) reason = "an exception without a message";
  } catch (...) {
    reason = "an exception of unknown type";
  }
  return agree_on(group, reason);
}

void agree_or_throw(const ProcessGroup& group, const std::function<void()>& step) {
  const std::string failure = agreed_failure(group, step);
  if (!failure.empty()) throw AgreedError(failure);
}

}  // namespace assay::bench
