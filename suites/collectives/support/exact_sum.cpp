#include "suites/collectives/support/exact_sum.h"

#include <algorithm>
#include <cstring>

#include "suites/collectives/support/mixing.h"

namespace assay::bench {

namespace {

/// Larger inputs than these add nothing to what the check can see.
std::int64_t largest_input(Element element) {
  return element == Element::f64 ? std::int64_t{1} << 28 : std::int64_t{1} << 20;
}

}  // namespace

SumLimits sum_limits(Element element, int ranks) {
  const std::int64_t limit = exact_limit(element);
  SumLimits limits;
  limits.magnitude = std::clamp<std::int64_t>(limit / ranks, 1, largest_input(element));
  limits.contributors = static_cast<int>(std::min<std::int64_t>(ranks, limit / limits.magnitude));
  return limits;
}

std::int64_t input_units(const SumLimits& limits, std::uint64_t seed, int rank, int ranks,
                         std::size_t pattern) {
  // Contributors are K ranks in a row (round the end), beginning where the pattern says.
  const std::uint64_t first = mixed(seed ^ mixed(pattern + 1)) % static_cast<std::uint64_t>(ranks);
  const auto place = (static_cast<std::uint64_t>(rank) + static_cast<std::uint64_t>(ranks) - first) %
                     static_cast<std::uint64_t>(ranks);
  if (place >= static_cast<std::uint64_t>(limits.contributors)) return 0;
  const std::uint64_t bits = mixed(mixed(seed + static_cast<std::uint64_t>(rank)) ^ (pattern << 32));
  const std::int64_t size =
      1 + static_cast<std::int64_t>((bits >> 1) % static_cast<std::uint64_t>(limits.magnitude));
  return (bits & 1) != 0 ? size : -size;
}

ExactSum::ExactSum(Element element, std::uint64_t seed, int rank, int ranks)
    : element_(element),
      bytes_(device::bytes_of(element)),
      limits_(sum_limits(element, ranks)),
      inputs_(pattern_count * bytes_),
      sums_(pattern_count * bytes_) {
  for (std::size_t pattern = 0; pattern < pattern_count; ++pattern) {
    encode(element, input_units(limits_, seed, rank, ranks, pattern), &inputs_[pattern * bytes_]);
    std::int64_t sum = 0;
    for (int other = 0; other < ranks; ++other) sum += input_units(limits_, seed, other, ranks, pattern);
    encode(element, sum, &sums_[pattern * bytes_]);
  }
}

std::string ExactSum::how(int ranks) const {
  if (limits_.contributors >= ranks) return "exact sum, ";
  return "exact sum of " + std::to_string(limits_.contributors) + " of the ranks (the others give 0), ";
}

void ExactSum::fill(std::byte* buffer, std::size_t count, int slot) const {
  std::size_t pattern = (static_cast<std::size_t>(slot) * slot_shift) % pattern_count;
  for (std::size_t done = 0; done < count;) {
    const std::size_t part = std::min(count - done, pattern_count - pattern);
    std::memcpy(buffer + done * bytes_, &inputs_[pattern * bytes_], part * bytes_);
    done += part;
    pattern = 0;
  }
}

Differences ExactSum::compare(const std::byte* buffer, std::size_t count, int slot, std::size_t first) const {
  Differences differences;
  std::size_t pattern = (first + static_cast<std::size_t>(slot) * slot_shift) % pattern_count;
  for (std::size_t done = 0; done < count;) {
    const std::size_t part = std::min(count - done, pattern_count - pattern);
    const std::byte* found = buffer + done * bytes_;
    const std::byte* expected = &sums_[pattern * bytes_];
    if (std::memcmp(found, expected, part * bytes_) != 0) {
      for (std::size_t i = 0; i < part; ++i) {
        const double is = decode(element_, found + i * bytes_);
        const double should = decode(element_, expected + i * bytes_);
        differences.add(done + i, is, should);
      }
    }
    done += part;
    pattern = 0;
  }
  return differences;
}

}  // namespace assay::bench
