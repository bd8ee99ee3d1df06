#include "suites/compute/gemm/gemm_check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "suites/compute/gemm/gemm_data.h"

namespace assay::bench {

using device::Bf16;
using device::Element;

namespace {

constexpr int V = freivalds_vectors;
constexpr std::int64_t worth_threads = 1 << 16;  // elements below which waking other threads costs more
constexpr double chernoff = 3.5;                 // c of the header
constexpr double u_f64 = 0x1p-53;                // unit roundoffs, to nearest
constexpr double u_f32 = 0x1p-24;
constexpr double u_fp8_block = 0x1p-13;
constexpr double fp8_block = 128;
constexpr long double u_extended = 0x1p-64L;

bool is_fp8(Element element) {
  return element == Element::fp8_e4m3 || element == Element::fp8_e5m2;
}

/// Unit roundoff of the accumulation. Hardware that adds products of short formats may chop: twice that of
/// f32.
double accumulation_roundoff(Element element) {
  switch (element) {
    case Element::f64:
      return u_f64;
    case Element::f32:
      return u_f32;
    case Element::int8:
    case Element::int32:
      return 0;
    default:
      return 2 * u_f32;
  }
}

/// Unit roundoff of what is stored, where that is shorter than the sum.
double storing_roundoff(Element element) {
  switch (product_of(element)) {
    case Element::bf16:
      return 0x1p-8;
    case Element::f16:
      return 0x1p-11;
    default:
      return 0;
  }
}

bool is_exact(Element element) {
  return element == Element::int8;
}

template <typename Sum>
struct RowProduct {
  std::array<Sum, V> sums{};
  double square = 0;          // of the row's elements
  double storing_square = 0;  // of their storing errors
};

/// row X for a row of `count` elements and X of count x V.
template <typename Sum, typename T>
RowProduct<Sum> multiply_row(const T* row, std::int64_t count, const Sum* x) {
  RowProduct<Sum> result;
  for (std::int64_t j = 0; j < count; ++j) {
    const Sum value = number(row[j]);
    for (int v = 0; v < V; ++v) result.sums[static_cast<std::size_t>(v)] += value * x[j * V + v];
    result.square += static_cast<double>(value) * static_cast<double>(value);
    result.storing_square += storing_error_square(row[j]);
  }
  return result;
}

/// An infinite element makes its row's bound infinite as well: no infinite error is ever within.
bool within(const ProductCheck& check) {
  return std::isfinite(check.error) && check.error <= check.bound;
}

/// True when a compares worse to its bound than b does. NaN is the worst.
bool is_worse(const ProductCheck& a, const ProductCheck& b) {
  if (a.pass != b.pass) return !a.pass;
  if (std::isnan(a.error) || std::isnan(b.error)) return std::isnan(a.error) && !std::isnan(b.error);
  if (a.bound > 0 && b.bound > 0) return a.error / a.bound > b.error / b.bound;
  return a.error - a.bound > b.error - b.bound;
}

/// Mean squares and sums of squares that the bound of a row is made from.
struct RowSquares {
  double c = 0, c_storing = 0, a = 0, b_mean = 0;
};

double row_bound(Element element, std::int64_t columns, std::int64_t depth, const RowSquares& square) {
  const auto n = static_cast<double>(columns), k = static_cast<double>(depth);
  const double u = accumulation_roundoff(element);
  double roundings = u * u * (k + 1);
  if (is_fp8(element)) roundings += u_fp8_block * u_fp8_block * std::min(k, fp8_block);
  const double products = n * roundings * square.a * square.b_mean;
  // C x, B x seen through a row of A, and A (B x).
  const double own = u_f64 * u_f64 * (n * square.c + (n * n + (k + 1) * n) * square.a * square.b_mean);
  return chernoff * (1 + 8 / std::sqrt(n)) * std::sqrt(products + square.c_storing + own);
}

/// k u / (1 - k u) for a sum of `terms`; where that means nothing, as much as the terms.
long double gamma(double terms, long double u) {
  const long double ku = static_cast<long double>(terms) * u;
  return ku < 1 ? ku / (1 - ku) : static_cast<long double>(terms);
}

ProductCheck check_element(Element element, std::int64_t k, std::int64_t i, std::int64_t j,
                           const ElementSource& source) {
  // Exact for integers too: their products and sums stay below 2^63, and a long double has 64 bits.
  long double sum = 0, magnitudes = 0;
  for (std::int64_t l = 0; l < k; ++l) {
    const long double term =
        static_cast<long double>(source.a(i, l)) * static_cast<long double>(source.b(l, j));
    sum += term;
    magnitudes += term < 0 ? -term : term;
  }
  const auto stored = static_cast<long double>(source.c(i, j));
  ProductCheck result{true, static_cast<double>(stored > sum ? stored - sum : sum - stored), 0, "sampled", i};
  if (stored != stored) result.error = std::nan("");
  if (!is_exact(element)) {
    const auto terms = static_cast<double>(k);
    long double relative = gamma(terms, static_cast<long double>(accumulation_roundoff(element)));
    if (is_fp8(element)) relative += gamma(std::min(terms, fp8_block), u_fp8_block);
    const long double computed = relative * magnitudes;
    const auto u_out = static_cast<long double>(storing_roundoff(element));
    const long double bound =
        computed + u_out * ((sum < 0 ? -sum : sum) + computed) + gamma(terms, u_extended) * magnitudes;
    result.bound = static_cast<double>(bound);
  }
  result.pass = within(result);
  return result;
}

/// A of T, B of S, C of R.
template <typename T, typename R, typename Sum, typename S = T>
class Checker {
 public:
  Checker(const Product& product, std::uint64_t seed)
      : product_(product),
        seed_(seed),
        a_(static_cast<const T*>(product.a)),
        b_(static_cast<const S*>(product.b)),
        c_(static_cast<const R*>(product.c)) {}

  ProductCheck run() { return worse(check_all_rows(), check_single_elements()); }

 private:
  static constexpr bool exact = std::is_integral_v<Sum>;

  ProductCheck check_all_rows() const {
    const std::int64_t m = product_.m, n = product_.n, k = product_.k;
    std::vector<Sum> x(static_cast<std::size_t>(n * V));
    for (std::int64_t j = 0; j < n; ++j) {
      const std::uint64_t bits = random_bits(seed_, static_cast<std::uint64_t>(j));
      for (int v = 0; v < V; ++v)
        x[static_cast<std::size_t>(j * V + v)] = ((bits >> v) & 1) != 0 ? Sum{1} : Sum{-1};
    }
    std::vector<Sum> y(static_cast<std::size_t>(k * V));  // B X
    double b_square = 0;
#pragma omp parallel for schedule(static) reduction(+ : b_square) if (k * n > worth_threads)
    for (std::int64_t l = 0; l < k; ++l) {
      const auto row = multiply_row<Sum>(b_ + l * n, n, x.data());
      std::copy(row.sums.begin(), row.sums.end(), y.begin() + l * V);
      b_square += row.square;
    }
    b_square /= static_cast<double>(k) * static_cast<double>(n);

    ProductCheck worst{true, 0, 0, "Freivalds", 0};
    bool first = true;
#pragma omp parallel if (m * (n + k) > worth_threads)
    {
      ProductCheck mine;
      bool any = false;
#pragma omp for schedule(static)
      for (std::int64_t i = 0; i < m; ++i) {
        const auto left = multiply_row<Sum>(c_ + i * n, n, x.data());
        const auto right = multiply_row<Sum>(a_ + i * k, k, y.data());
        double square = 0;
        for (std::size_t v = 0; v < V; ++v) {
          const auto difference = static_cast<double>(left.sums[v] - right.sums[v]);
          square += difference * difference;
        }
        ProductCheck row{true, std::sqrt(square / V),
                         exact ? 0
                               : row_bound(product_.element, n, k,
                                           {left.square, left.storing_square, right.square, b_square}),
                         "Freivalds", i};
        row.pass = within(row);
        if (!any || is_worse(row, mine)) mine = row;
        any = true;
      }
#pragma omp critical(assay_gemm_check)
      if (any && (first || is_worse(mine, worst))) {
        worst = mine;
        first = false;
      }
    }
    return worst;
  }

  ProductCheck check_single_elements() const {
    const std::int64_t n = product_.n, k = product_.k;
    const auto at = [](const auto* matrix, std::int64_t columns) {
      return [=](std::int64_t i, std::int64_t j) {
        return static_cast<double>(number(matrix[i * columns + j]));
      };
    };
    return check_elements(product_.element, product_.m, n, k, seed_, {at(a_, k), at(b_, n), at(c_, n)});
  }

  const Product& product_;
  std::uint64_t seed_;
  const T* a_;
  const S* b_;
  const R* c_;
};

}  // namespace

ProductCheck worse(const ProductCheck& a, const ProductCheck& b) {
  return is_worse(b, a) ? b : a;
}

std::vector<double> random_signs(std::int64_t n, std::uint64_t seed) {
  std::vector<double> x(static_cast<std::size_t>(n * V));
  for (std::int64_t j = 0; j < n; ++j) {
    const std::uint64_t bits = random_bits(seed, static_cast<std::uint64_t>(j));
    for (int v = 0; v < V; ++v) x[static_cast<std::size_t>(j * V + v)] = ((bits >> v) & 1) != 0 ? 1 : -1;
  }
  return x;
}

ProductCheck check_rows(Element element, std::int64_t m, std::int64_t n, std::int64_t k, const RowProducts& c,
                        const RowProducts& a, double b_square) {
  ProductCheck worst{true, 0, 0, "Freivalds", 0};
  for (std::int64_t i = 0; i < m; ++i) {
    const auto row = static_cast<std::size_t>(i);
    double square = 0;
    for (std::size_t v = 0; v < V; ++v) {
      const double difference = c.sums[row * V + v] - a.sums[row * V + v];
      square += difference * difference;
    }
    ProductCheck one{true, std::sqrt(square / V), 0, "Freivalds", i};
    if (!is_exact(element))
      one.bound =
          row_bound(element, n, k, {c.squares[row], c.storing_squares[row], a.squares[row], b_square});
    one.pass = within(one);
    if (i == 0 || is_worse(one, worst)) worst = one;
  }
  return worst;
}

ProductCheck check_elements(Element element, std::int64_t m, std::int64_t n, std::int64_t k,
                            std::uint64_t seed, const ElementSource& source) {
  std::vector<std::int64_t> places = {0, n - 1, (m - 1) * n, m * n - 1};
  const std::uint64_t key = random_bits(seed, ~std::uint64_t{0});
  if (m * n <= sampled_elements) {
    places.clear();
    for (std::int64_t place = 0; place < m * n; ++place) places.push_back(place);
  } else {
    for (int i = 4; i < sampled_elements; ++i)
      places.push_back(static_cast<std::int64_t>(random_bits(key, static_cast<std::uint64_t>(i)) %
                                                 static_cast<std::uint64_t>(m * n)));
  }
  ProductCheck worst{true, 0, 0, "sampled", 0};
  bool first = true;
  for (const std::int64_t place : places) {
    const ProductCheck one = check_element(element, k, place / n, place % n, source);
    if (first || is_worse(one, worst)) worst = one;
    first = false;
  }
  return worst;
}

ProductCheck check_product(const Product& product, std::uint64_t seed) {
  switch (product.element) {
    case Element::f64:
      return Checker<double, double, double>(product, seed).run();
    case Element::f32:
      return Checker<float, float, double>(product, seed).run();
    case Element::bf16:
      return Checker<Bf16, Bf16, double>(product, seed).run();
    case Element::int8:
      return Checker<std::int8_t, std::int32_t, std::int64_t>(product, seed).run();
    case Element::f16:
      return Checker<device::F16, device::F16, double>(product, seed).run();
    case Element::tf32:
      return Checker<float, float, double>(product, seed).run();
    case Element::fp8_e4m3:
      return Checker<device::Fp8E4m3, Bf16, double>(product, seed).run();
    case Element::fp8_e5m2:
      return Checker<device::Fp8E5m2, Bf16, double, device::Fp8E4m3>(product, seed).run();
    case Element::int32:
      break;
  }
  return {false, std::nan(""), 0, "none", 0};
}

}  // namespace assay::bench
