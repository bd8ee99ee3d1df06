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
constexpr double u_bf16 = 0x1p-8;
constexpr long double u_extended = 0x1p-64L;

/// Unit roundoff of the accumulation. Hardware that adds bf16 products may chop: twice that of f32.
double accumulation_roundoff(Element element) {
  switch (element) {
    case Element::f64:
      return u_f64;
    case Element::f32:
      return u_f32;
    case Element::bf16:
      return 2 * u_f32;
    case Element::int8:
    case Element::int32:
      break;
  }
  return 0;
}

double number(double value) {
  return value;
}
double number(float value) {
  return static_cast<double>(value);
}
double number(Bf16 value) {
  return static_cast<double>(device::to_float(value));
}
std::int64_t number(std::int8_t value) {
  return value;
}
std::int64_t number(std::int32_t value) {
  return value;
}

/// Mean square of the error of having rounded to this value; zero for types that are not rounded to when
/// stored.
template <typename T>
double storing_error_square(T) {
  return 0;
}
double storing_error_square(Bf16 value) {
  const double power =
      static_cast<double>(device::to_float(Bf16{static_cast<std::uint16_t>(value.bits & 0x7f80u)}));
  return power * power * (u_bf16 * u_bf16 / 3);
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

template <typename T, typename R, typename Sum>
class Checker {
 public:
  Checker(const Product& product, std::uint64_t seed)
      : product_(product),
        seed_(seed),
        a_(static_cast<const T*>(product.a)),
        b_(static_cast<const T*>(product.b)),
        c_(static_cast<const R*>(product.c)) {}

  ProductCheck run() { return worse(check_rows(), check_elements()); }

 private:
  static constexpr bool exact = std::is_integral_v<Sum>;

  ProductCheck check_rows() const {
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
        ProductCheck row{true, std::sqrt(square / V), exact ? 0 : row_bound(left, right.square, b_square),
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

  double row_bound(const RowProduct<Sum>& c_row, double a_square, double b_square) const {
    const auto n = static_cast<double>(product_.n), k = static_cast<double>(product_.k);
    const double u = accumulation_roundoff(product_.element);
    const double products = n * u * u * (k + 1) * a_square * b_square;
    // C x, B x seen through a row of A, and A (B x).
    const double own = u_f64 * u_f64 * (n * c_row.square + (n * n + (k + 1) * n) * a_square * b_square);
    return chernoff * (1 + 8 / std::sqrt(n)) * std::sqrt(products + c_row.storing_square + own);
  }

  ProductCheck check_elements() const {
    const std::int64_t m = product_.m, n = product_.n;
    std::vector<std::int64_t> places = {0, n - 1, (m - 1) * n, m * n - 1};
    const std::uint64_t key = random_bits(seed_, ~std::uint64_t{0});
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
      const ProductCheck element = check_element(place / n, place % n);
      if (first || is_worse(element, worst)) worst = element;
      first = false;
    }
    return worst;
  }

  ProductCheck check_element(std::int64_t i, std::int64_t j) const {
    using Wide = std::conditional_t<exact, std::int64_t, long double>;
    Wide sum = 0, magnitudes = 0;
    for (std::int64_t l = 0; l < product_.k; ++l) {
      const Wide term = static_cast<Wide>(number(a_[i * product_.k + l])) *
                        static_cast<Wide>(number(b_[l * product_.n + j]));
      sum += term;
      magnitudes += term < 0 ? -term : term;
    }
    const auto stored = static_cast<Wide>(number(c_[i * product_.n + j]));
    ProductCheck result{true, static_cast<double>(stored > sum ? stored - sum : sum - stored), 0, "sampled",
                        i};
    if (stored != stored) result.error = std::nan("");
    if constexpr (!exact) {
      const auto gamma = [this](long double u) {
        const long double ku = static_cast<long double>(product_.k) * u;
        return ku < 1 ? ku / (1 - ku) : static_cast<long double>(product_.k);
      };
      const long double computed =
          gamma(static_cast<long double>(accumulation_roundoff(product_.element))) * magnitudes;
      const long double u_out = std::is_same_v<R, Bf16> ? static_cast<long double>(u_bf16) : 0.0L;
      const long double bound =
          computed + u_out * ((sum < 0 ? -sum : sum) + computed) + gamma(u_extended) * magnitudes;
      result.bound = static_cast<double>(bound);
    }
    result.pass = within(result);
    return result;
  }

  const Product& product_;
  std::uint64_t seed_;
  const T* a_;
  const T* b_;
  const R* c_;
};

}  // namespace

ProductCheck worse(const ProductCheck& a, const ProductCheck& b) {
  return is_worse(b, a) ? b : a;
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
    case Element::int32:
      break;
  }
  return {false, std::nan(""), 0, "none", 0};
}

}  // namespace assay::bench
