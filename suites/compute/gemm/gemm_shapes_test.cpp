#include "suites/compute/gemm/gemm_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace assay::bench {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(GemmShapes, TheSearchIsThatOfTheReadme) {
  const std::vector<GemmShape> shapes = search_shapes({8192, 8192, 8192}, 0);
  EXPECT_EQ(shapes.size(), 52u);  // 13 combinations of m and n, 4 of k
  EXPECT_EQ(shapes.front(), (GemmShape{8192, 8192, 8192}));
  for (const GemmShape& shape : {GemmShape{4096, 8192, 8192}, GemmShape{8192, 6144, 2048},
                                 GemmShape{12288, 12288, 4096}, GemmShape{16384, 16384, 16384}})
    EXPECT_THAT(shapes, Contains(shape)) << shape_words(shape);
  EXPECT_THAT(shapes, Not(Contains(GemmShape{6144, 6144, 8192})));
  for (std::size_t i = 0; i < shapes.size(); ++i)
    EXPECT_EQ(std::count(shapes.begin(), shapes.end(), shapes[i]), 1) << shape_words(shapes[i]);
}

TEST(GemmShapes, TilesAreMovedToWholeRounds) {
  // 132 multiprocessors. With n = 8192 there are 32 columns of tiles of 256: 132 / gcd(132, 32) = 33 rows of
  // tiles of 128 make whole rounds, so m is a multiple of 4224: 8448. With m = 8192 there are 64 rows of
  // tiles, gcd 4 again: n is a multiple of 33 x 256 = 8448.
  const std::vector<GemmShape> shapes = search_shapes({8192, 8192, 8192}, 132);
  EXPECT_THAT(shapes, Contains(GemmShape{8448, 8192, 8192}));
  EXPECT_THAT(shapes, Contains(GemmShape{8192, 8448, 4096}));
  EXPECT_LE(shapes.size(), 92u);
  EXPECT_GT(shapes.size(), 52u);
  for (const GemmShape& shape : shapes) {
    EXPECT_EQ(shape.m % 128 + shape.n % 128 + shape.k % 256, 0) << shape_words(shape);
    EXPECT_EQ(std::count(shapes.begin(), shapes.end(), shape), 1) << shape_words(shape);
  }
  // 1024 is further than a quarter from any multiple of 4224: nothing is moved.
  for (const GemmShape& shape : search_shapes({1024, 8192, 1024}, 132))
    EXPECT_NE(shape.m, 4224) << shape_words(shape);
}

TEST(GemmShapes, SmallAndOddSizesStayWhatTheyAre) {
  EXPECT_THAT(search_shapes({1, 1, 1}, 0),
              ElementsAre(GemmShape{1, 1, 1}, GemmShape{1, 2, 1}, GemmShape{2, 1, 1}, GemmShape{2, 2, 1},
                          GemmShape{1, 1, 2}, GemmShape{1, 2, 2}, GemmShape{2, 1, 2}, GemmShape{2, 2, 2}));
  const std::vector<GemmShape> odd = search_shapes({1021, 77, 33}, 0);
  EXPECT_EQ(odd.front(), (GemmShape{1021, 77, 33}));
  EXPECT_THAT(odd, Contains(GemmShape{512, 77, 33}));   // 510 is nearest to 512, in steps of 16
  EXPECT_THAT(odd, Contains(GemmShape{2048, 77, 64}));  // 2042 in steps of 256, 66 in steps of 16
  EXPECT_THAT(odd, Contains(GemmShape{1021, 77, 8}));
  for (const GemmShape& shape : search_shapes({2147483647, 1, 1}, 0)) EXPECT_LE(shape.m, 2147483647);
}

TEST(GemmShapes, TheFastestComeFirstAndWhatWasNotMeasuredNever) {
  const std::vector<TriedShape> tried = {{{1, 1, 1}, 5}, {{2, 1, 1}, 0},  // infinite time
                                         {{3, 1, 1}, 9}, {{4, 1, 1}, std::nan("")},
                                         {{5, 1, 1}, 9}, {{6, 1, 1}, 7}};
  const auto order = [](const std::vector<TriedShape>& shapes) {
    std::vector<std::int64_t> m;
    for (const TriedShape& one : shapes) m.push_back(one.shape.m);
    return m;
  };
  EXPECT_THAT(order(fastest(tried, 3)), ElementsAre(3, 5, 6));
  EXPECT_THAT(order(fastest(tried, 10)), ElementsAre(3, 5, 6, 1));
  EXPECT_THAT(order(fastest({{{1, 1, 1}, 0}}, 4)), ElementsAre());
}

TEST(GemmShapes, WordsSayHowCloseTheRunnersUpWere) {
  EXPECT_EQ(runners_up_words({{{64, 32, 16}, 8}, {{32, 32, 16}, 6}, {{16, 1, 1}, 4}}),
            "32 x 32 x 16 at 0.7500, 16 x 1 x 1 at 0.5000 of the best");
  EXPECT_EQ(runners_up_words({{{64, 32, 16}, 8}}), "none");
}

}  // namespace
}  // namespace assay::bench
