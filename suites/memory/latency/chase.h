// A chain of pointers through all cache lines of a piece of memory, in random order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "suites/harness/cores.h"
#include "suites/memory/support/pages.h"

namespace assay::bench {

/// A random permutation of 0 .. count-1 that is one single cycle (Sattolo, "An algorithm to generate a random
/// cyclic permutation", 1986): next[i] follows i. The same for the same seed.
std::vector<std::uint32_t> random_cycle(std::uint32_t count, std::uint64_t seed);

class Chase {
 public:
  /// `bytes` are cut into lines of `line_bytes`; at least two. The first line is where it begins.
  Chase(std::uint64_t bytes, int line_bytes, std::uint64_t seed, PageSize pages);

  std::uint32_t lines() const { return lines_; }
  std::uint64_t loads() const { return loads_; }
  const Pages& pages() const { return pages_; }

  /// Follows `loads` pointers, from where the last walk ended. Each load needs the one before.
  void walk(std::int64_t loads);

  /// What a walk leaves: where it ended. Null is nowhere.
  void forget_end() { end_ = nullptr; }

  /// Every line's pointer against the cycle made afresh from the seed, that this cycle visits each line once
  /// before it is back, and that the walks ended where so many steps of it lead.
  Check check() const;

  /// For planted faults: the pointer of one line, and where the walk ended.
  std::byte*& pointer(std::uint32_t line) {
    return *reinterpret_cast<std::byte**>(pages_.data() + static_cast<std::size_t>(line) * line_bytes_);
  }

 private:
  std::size_t line_bytes_;
  std::uint32_t lines_;
  std::uint64_t seed_;
  Pages pages_;
  std::byte* position_;
  std::byte* end_ = nullptr;
  std::uint64_t loads_ = 0;
};

/// The nearest level that holds `bytes` of each of `sharers` ranks that use the level-3 cache together: "L1",
/// "L2", "L3" or "memory"; "unknown" when no cache is known.
std::string level_of(std::uint64_t bytes, const Caches& caches, int sharers);

}  // namespace assay::bench
