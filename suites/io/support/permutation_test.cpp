#include "suites/io/support/permutation.h"

#include <gtest/gtest.h>

#include <vector>

namespace assay::bench {
namespace {

TEST(Permutation, EachComesExactlyOnce) {
  for (const std::uint64_t n : {1, 2, 3, 4, 5, 16, 17, 100, 1000, 4096, 65'537}) {
    for (const std::uint64_t key : {0, 1, 99}) {
      const Permutation permutation(n, key);
      std::vector<int> times(n);
      for (std::uint64_t i = 0; i < n; ++i) {
        ASSERT_LT(permutation(i), n);
        ++times[permutation(i)];
      }
      for (const int one : times) ASSERT_EQ(one, 1) << n;
    }
  }
}

TEST(Permutation, IsNoOrderAndAnotherForEachKey) {
  constexpr std::uint64_t n = 10'000;
  const Permutation one(n, 1);
  const Permutation other(n, 2);
  int fixed = 0;
  int neighbours = 0;
  int alike = 0;
  for (std::uint64_t i = 0; i + 1 < n; ++i) {
    fixed += one(i) == i ? 1 : 0;
    neighbours += one(i) + 1 == one(i + 1) ? 1 : 0;
    alike += one(i) == other(i) ? 1 : 0;
  }
  // Each is 1 on average in a random order; 12 has a chance below 1e-9.
  EXPECT_LT(fixed, 12);
  EXPECT_LT(neighbours, 12);
  EXPECT_LT(alike, 12);
}

}  // namespace
}  // namespace assay::bench
