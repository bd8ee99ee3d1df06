#include "suites/io/stream/layout.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace assay::bench {
namespace {

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

TEST(StreamLayout, EveryBlockHasItsOwnPlaceAndTheFilesAreFull) {
  for (const Sharing sharing : {Sharing::per_rank, Sharing::shared, Sharing::strided}) {
    const StreamLayout layout{sharing, 3, 5, 4096};
    std::set<std::pair<std::uint64_t, std::uint64_t>> places;
    std::set<std::string> names;
    for (int rank = 0; rank < 3; ++rank) {
      names.insert(layout.file_name(rank));
      for (std::int64_t block = 0; block < 5; ++block) {
        const std::uint64_t offset = layout.offset(rank, block);
        EXPECT_EQ(offset % 4096, 0u);
        EXPECT_LE(offset + 4096, layout.file_bytes());
        places.emplace(layout.file_number(rank), offset);
      }
    }
    EXPECT_EQ(places.size(), 15u);
    EXPECT_EQ(names.size(), layout.one_file() ? 1u : 3u);
    EXPECT_EQ(layout.file_bytes(), (layout.one_file() ? 15u : 5u) * 4096);
  }
}

TEST(StreamLayout, PlacesAreThoseOfIor) {
  const StreamLayout shared{Sharing::shared, 4, 10, 100};
  EXPECT_EQ(shared.offset(2, 3), 2300u);
  EXPECT_EQ(shared.end_of(2, 4), 2400u);
  const StreamLayout strided{Sharing::strided, 4, 10, 100};
  EXPECT_EQ(strided.offset(2, 3), 1400u);
  EXPECT_EQ(strided.end_of(3, 10), 4000u);
  EXPECT_EQ(strided.end_of(3, 0), 0u);
}

TEST(ReadShift, AnotherNodeWhereThereIsOne) {
  EXPECT_EQ(read_shift(ProcessGroup()).ranks, 0);
  EXPECT_EQ(read_shift(ProcessGroup()).what, "what this rank wrote (there is no other)");
}

TEST(Acceptance, AsksForOneAndAHalfTimesTheMemory) {
  EXPECT_EQ(why_no_acceptance(36 * gibibyte, 24 * gibibyte, true), "");
  EXPECT_EQ(why_no_acceptance(36'000'000'000 - 1, 24'000'000'000, true),
            "36.00 GB is less than 1.5 x RAM (36.00 GB)");
  EXPECT_EQ(why_no_acceptance(std::uint64_t{1} << 30, 24'000'000'000, true),
            "1.074 GB is less than 1.5 x RAM (36.00 GB)");
  EXPECT_NE(why_no_acceptance(36 * gibibyte, 24 * gibibyte, false), "");
  EXPECT_NE(why_no_acceptance(36 * gibibyte, 0, true), "");
  for (const int ranks : {1, 2, 7}) {
    const std::uint64_t bytes = acceptance_bytes(24'000'000'001, ranks, 1 << 20);
    EXPECT_EQ(bytes % (1 << 20), 0u);
    EXPECT_EQ(why_no_acceptance(bytes * static_cast<std::uint64_t>(ranks), 24'000'000'001, true), "");
    EXPECT_NE(
        why_no_acceptance((bytes - (1 << 20)) * static_cast<std::uint64_t>(ranks), 24'000'000'001, true), "");
  }
}

}  // namespace
}  // namespace assay::bench
