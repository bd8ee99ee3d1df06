#include "suites/training/support/resident_memory.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>

namespace assay::training {
namespace {

void use(std::size_t bytes) {
  const auto memory = std::make_unique_for_overwrite<char[]>(bytes);
  std::memset(memory.get(), 1, bytes);
  asm volatile("" ::"r"(memory.get()) : "memory");
}

TEST(ResidentMemory, ThePeakIsThatSinceItWasForgotten) {
  constexpr std::size_t large = std::size_t{200} << 20, small = std::size_t{50} << 20;
  use(large);
  EXPECT_GE(peak_resident_bytes(), static_cast<double>(large));
  forget_peak_resident();
  const double before = resident_bytes();
  EXPECT_GT(before, 0);
  use(small);
  EXPECT_NEAR(peak_resident_bytes() - before, static_cast<double>(small), 4 << 20);
}

}  // namespace
}  // namespace assay::training
