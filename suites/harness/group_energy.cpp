#include "suites/harness/group_energy.h"

#include <cmath>
#include <vector>

#include "reports/base/names.h"

namespace assay::bench {

GroupEnergy::GroupEnergy(const ProcessGroup& group, const std::filesystem::path& root) : group_(group) {
  for (int rank = 0; rank < group.rank(); ++rank) {
    if (group.node_of(rank) == group.node_of(group.rank())) return;
  }
  meter_.emplace(root);
}

void GroupEnergy::start(double now_s) {
  if (meter_) meter_->start();
  begin_s_ = now_s;
}

void GroupEnergy::read(double now_s) {
  if (meter_) meter_->read();
  elapsed_s_ = now_s - begin_s_;
}

void GroupEnergy::gather() {
  const std::optional<double> own = meter_ ? meter_->joules() : std::nullopt;
  const bool known = !group_.any(meter_ && !own);
  // Microjoules: 2^63 of them are 9 TJ.
  const std::int64_t sum = group_.sum(own ? std::llround(*own * 1e6) : 0);
  joules_.reset();
  if (known) joules_ = static_cast<double>(sum) / 1e6;

  std::string told;
  if (meter_) {
    if (own) {
      told = "+" + meter_->source();
    } else {
      told = "-" +
             (meter_->source().empty() ? meter_->why_none() : "a reading of " + meter_->source() + " failed");
    }
  }
  words_.clear();
  std::vector<std::string> sources, reasons;
  const auto texts = group_.gather(told, 0);
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    if (texts[rank].empty()) continue;
    std::vector<std::string>& list = texts[rank][0] == '+' ? sources : reasons;
    const std::string text = texts[rank].substr(1);
    // Nodes are alike as a rule: one stands for those that say the same.
    if (list.empty() || (list.size() < 4 && list.back().find(text) == std::string::npos))
      list.push_back(&list == &reasons ? group_.node_of(static_cast<int>(rank)) + ": " + text : text);
  }
  if (known) {
    words_ = join(sources, "; ");
  } else if (group_.rank() == 0) {
    words_ = "no readable energy counter: " + join(reasons, "; ");
  }
}

}  // namespace assay::bench
