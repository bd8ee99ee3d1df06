#include "suites/io/support/storage_check.h"

#include "reports/record/unit.h"
#include "suites/harness/agreement.h"

namespace assay::bench {

Check storage_check(const ProcessGroup& group, const Comparison& compared, std::uint64_t expected_bytes,
                    const std::string& how) {
  const bool too_few = group.any(compared.bytes < expected_bytes || compared.bytes == 0);
  const std::int64_t wrong = group.sum(static_cast<std::int64_t>(compared.wrong));
  const std::int64_t bytes = group.sum(static_cast<std::int64_t>(compared.bytes));
  const std::string first = agree_on(group, compared.first);
  Check check;
  check.bound = 0;
  if (!too_few) check.error = static_cast<double>(wrong);
  check.status = check.error && *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
  check.how = "every byte of " + format_value(static_cast<double>(bytes), "B") + ": " + how;
  if (too_few) check.how += "; a rank compared fewer bytes than it should have read";
  if (wrong > 0) check.how += "; " + std::to_string(wrong) + " wrong, first: " + first;
  return check;
}

}  // namespace assay::bench
