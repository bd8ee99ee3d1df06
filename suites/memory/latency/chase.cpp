#include "suites/memory/latency/chase.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace assay::bench {

namespace {

/// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014): the standard library's distributions differ between
/// implementations, and the check needs the same cycle again.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In [0, below): the high part of a product; for 32 bits its bias is far below what an order could show.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>(((next() >> 32) * limit) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace

std::vector<std::uint32_t> random_cycle(std::uint32_t count, std::uint64_t seed) {
  std::vector<std::uint32_t> next(count);
  std::iota(next.begin(), next.end(), 0u);
  Random random(seed);
  for (std::uint32_t i = count; i-- > 1;) std::swap(next[i], next[random.below(i)]);
  return next;
}

Chase::Chase(std::uint64_t bytes, int line_bytes, std::uint64_t seed, PageSize pages)
    : line_bytes_(static_cast<std::size_t>(line_bytes)),
      lines_(static_cast<std::uint32_t>(std::max<std::uint64_t>(2, bytes / line_bytes_))),
      seed_(seed),
      pages_(static_cast<std::size_t>(lines_) * line_bytes_, pages),
      position_(pages_.data()) {
  const std::vector<std::uint32_t> next = random_cycle(lines_, seed_);
  for (std::uint32_t line = 0; line < lines_; ++line)
    pointer(line) = pages_.data() + static_cast<std::size_t>(next[line]) * line_bytes_;
}

void Chase::walk(std::int64_t loads) {
  std::byte* at = position_;
  for (std::int64_t i = 0; i < loads; ++i) at = *reinterpret_cast<std::byte**>(at);
  position_ = at;
  end_ = at;
  loads_ += static_cast<std::uint64_t>(loads);
}

Check Chase::check() const {
  const std::vector<std::uint32_t> next = random_cycle(lines_, seed_);
  std::uint64_t wrong = 0;
  std::uint32_t first = 0;
  for (std::uint32_t line = 0; line < lines_; ++line) {
    const std::byte* const at = pages_.data() + static_cast<std::size_t>(line) * line_bytes_;
    const std::byte* const right = pages_.data() + static_cast<std::size_t>(next[line]) * line_bytes_;
    if (*reinterpret_cast<const std::byte* const*>(at) == right) continue;
    if (wrong++ == 0) first = line;
  }
  const std::uint64_t steps = loads_ % std::max<std::uint32_t>(2, lines_);
  std::uint32_t at = 0, end = 0;
  std::uint64_t length = 0;
  do {
    if (length == steps) end = at;
    at = next[at];
    ++length;
  } while (at != 0 && length <= lines_);
  const bool one_cycle = at == 0 && length == lines_;
  const bool right_end = end_ == pages_.data() + static_cast<std::size_t>(end) * line_bytes_;

  Check check;
  check.bound = 0;
  check.error = static_cast<double>(wrong) + (one_cycle ? 0 : 1) + (right_end ? 0 : 1);
  check.status = *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
  check.how = "the pointer of each of " + std::to_string(lines_) +
              " lines, one cycle through all, and the end after " + std::to_string(loads_) + " loads";
  if (wrong > 0)
    check.how += "; " + std::to_string(wrong) + " wrong pointers, the first in line " + std::to_string(first);
  if (!one_cycle) check.how += "; a cycle of " + std::to_string(length) + " lines";
  if (!right_end) check.how += end_ == nullptr ? "; no walk ended anywhere" : "; it ended on another line";
  return check;
}

std::string level_of(std::uint64_t bytes, const Caches& caches, int sharers) {
  if (caches.l1_bytes + caches.l2_bytes + caches.l3_bytes == 0) return "unknown";
  if (bytes <= caches.l1_bytes) return "L1";
  if (bytes <= caches.l2_bytes) return "L2";
  if (bytes * static_cast<std::uint64_t>(std::max(1, sharers)) <= caches.l3_bytes) return "L3";
  return "memory";
}

}  // namespace assay::bench
