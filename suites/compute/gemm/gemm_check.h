// Is C the product of A and B? Freivalds' test of every row and single elements in higher precision.
//
// Rows. For random vectors x of +1 and -1, drawn after C was computed, C x must be A (B x). With E = C - A B,
// (E x)_i has mean square ||E_i||^2 over x, and Rademacher sums are as concentrated as normal ones, so over V
// = 8 vectors
//     S_i = sqrt(mean_v (E x_v)_i^2) <= c ||E_i||   but for a chance of (c^2 exp(1 - c^2))^(V/2)
// (Chernoff; c = 3.5: 7e-16 a row), while one wrong element d alone gives S_i = |d|. The rounding errors of
// C:
//  - A sum of k products, in any order, has k roundings of partial sums and k of products. Inputs are
//  independent
//    with mean zero, so no partial sum has a variance above ||a_i||^2 s_b^2 (s_b^2: mean square of B), and
//    all product roundings together one of that size: with rounding errors of mean zero, each at most u,
//    E_ij^2 is on average at most u^2 (k + 1) ||a_i||^2 s_b^2. This is the statistical bound of Higham and
//    Mary (SIAM J. Sci. Comput. 41, 2019, A2815; 42, 2020, A3427), which replaces the k u of the worst case
//    by sqrt(k) u; the worst case would hide a wrong element at k = 4096.
//  - Storing c as bf16 rounds it to a multiple of 2^(e-7), 2^e <= |c| < 2^(e+1): mean square 4^(e-8) / 3.
//  - The test's own sums in f64 err in the same way; they are added (they matter for f64 only).
// Means over n columns vary: the bound gets a factor (1 + 8 / sqrt(n)).
//
// Elements. The corners and random ones are computed again in long double and compared with the worst-case
// bound
//     |c - (A B)_ij| <= g |a_i||b_j| + u_out (|c| + g |a_i||b_j|),   g = k u / (1 - k u)
// which holds for every order of summation (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
// 2002, section 3.1), with the same for the long double sum.
//
// fp8 products are added in blocks by hardware that keeps fewer bits than f32 within a block (on Hopper about
// 14: DeepSeek-V3 technical report, 2024, section 3.3.2), and the blocks in f32: a block of 128 with u =
// 2^-13 has an error of at most u^2 128 ||a_i||^2 s_b^2 on average, whatever the order within it.
//
// int8: everything is computed in 64-bit integers and compared exactly; a wrong row escapes V vectors with a
// chance of at most 2^-V, a single wrong element never.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "reports/record/record.h"
#include "suites/device/element.h"

namespace assay::bench {

inline constexpr int freivalds_vectors = 8;
inline constexpr int sampled_elements = 64;

/// One product to check; `element` is the operands' type.
struct Product {
  device::Element element = device::Element::f32;
  std::int64_t m = 1, n = 1, k = 1;
  const void* a = nullptr;
  const void* b = nullptr;
  const void* c = nullptr;
};

/// What was compared closest to its bound, or beyond it, in units of C.
struct ProductCheck {
  bool pass = true;
  double error = 0;  ///< NaN when C holds one
  double bound = 0;
  const char* test = "";  ///< "Freivalds" or "sampled"
  std::int64_t row = 0;
};

/// O((m k + k n + m n) V) operations on all OpenMP threads. `seed` makes the vectors and chooses the
/// elements.
ProductCheck check_product(const Product& product, std::uint64_t seed);

// ---- The parts, for a device that multiplies rows and vectors itself

/// The vectors: n rows of freivalds_vectors signs.
std::vector<double> random_signs(std::int64_t n, std::uint64_t seed);

/// What the rows of a matrix gave: C X, or A (B X).
struct RowProducts {
  std::vector<double> sums;             ///< rows x freivalds_vectors
  std::vector<double> squares;          ///< of the row's elements, added up
  std::vector<double> storing_squares;  ///< of their storing errors
};

/// Compares all rows. `b_square`: the mean square of B's elements. Sums of int8 products are exact in f64 up
/// to k n = 5e11.
ProductCheck check_rows(device::Element element, std::int64_t m, std::int64_t n, std::int64_t k,
                        const RowProducts& c, const RowProducts& a, double b_square);

/// Single elements, however the matrices are stored; the functions give A(i, l), B(l, j) and C(i, j).
struct ElementSource {
  std::function<double(std::int64_t, std::int64_t)> a, b, c;
};
ProductCheck check_elements(device::Element element, std::int64_t m, std::int64_t n, std::int64_t k,
                            std::uint64_t seed, const ElementSource& source);

/// The worse of two.
ProductCheck worse(const ProductCheck& a, const ProductCheck& b);

}  // namespace assay::bench
