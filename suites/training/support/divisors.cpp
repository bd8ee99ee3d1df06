#include "suites/training/support/divisors.h"

#include <vector>

#include "reports/base/names.h"

namespace assay::training {

std::string list_divisors(std::int64_t number) {
  std::vector<std::int64_t> small, large;
  for (std::int64_t d = 1; d * d <= number; ++d) {
    if (number % d != 0) continue;
    small.push_back(d);
    if (d * d != number) large.push_back(number / d);
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  std::vector<std::string> words;
  constexpr std::size_t most = 12;
  for (std::size_t i = 0; i < small.size(); ++i) {
    if (small.size() > most && i >= most / 2 && i < small.size() - most / 2) {
      if (i == most / 2) words.emplace_back("...");
      continue;
    }
    words.push_back(std::to_string(small[i]));
  }
  return join(words, ", ");
}

}  // namespace assay::training
