// What the loops of the operators do with single numbers: loading and rounding, square root, e^x. Included by
// the file of each vector width inside a namespace of its own, after a target pragma: no include guard and no
// headers here, and nothing inlined from elsewhere that depends on the vector width.

using Index = std::int64_t;

#define ASSAY_INLINE inline __attribute__((always_inline))

ASSAY_INLINE double square_root(double value) {
  return __builtin_sqrt(value);
}
ASSAY_INLINE float square_root(float value) {
  return __builtin_sqrtf(value);
}

ASSAY_INLINE double load(double value) {
  return value;
}
ASSAY_INLINE float load(float value) {
  return value;
}
ASSAY_INLINE float load(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}
ASSAY_INLINE void store(double& to, double value) {
  to = value;
}
ASSAY_INLINE void store(float& to, float value) {
  to = value;
}
/// As to_bf16, without a branch.
ASSAY_INLINE void store(Bf16& to, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  to.bits = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : nearest);
}

// e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2 = 0.3466, e^r by its Taylor polynomial.
//   f32: degree 7; the remainder is below 0.3466^8 / 8! * e^0.3466 = 7.3e-9, an eighth of half an ulp.
//   f64: degree 13; 0.3466^14 / 14! * e^0.3466 = 5.8e-18, a twentieth of half an ulp.
// n ln 2 is subtracted in two parts, the first with so few bits that its product with n is exact. With the
// rounding of r, of Horner's last steps and of the scaling, the error stays below 2 ulp (tested over the
// whole range). 2^n is multiplied in as two factors, so that results next to overflow and denormal ones are
// right too; e^-inf = 0 and NaN stays NaN.
template <typename X>
struct ExpFacts;
template <>
struct ExpFacts<float> {
  using Bits = std::uint32_t;
  static constexpr int degree = 7, mantissa = 23;
  static constexpr Bits bias = 127;
  static constexpr float lowest = -104.0f, highest = 89.0f;  // beyond these: 0 and infinity
  static constexpr float per_ln2 = 0x1.715476p+0f, ln2_high = 0x1.63p-1f, ln2_low = -0x1.bd0106p-13f;
  static constexpr float magic = 0x1.8p+23f;  // adding it rounds to an integer, kept in the low bits
};
template <>
struct ExpFacts<double> {
  using Bits = std::uint64_t;
  static constexpr int degree = 13, mantissa = 52;
  static constexpr Bits bias = 1023;
  static constexpr double lowest = -746.0, highest = 710.0;
  static constexpr double per_ln2 = 0x1.71547652b82fep+0, ln2_high = 0x1.62e42feep-1,
                          ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double magic = 0x1.8p+52;
};

constexpr double inverse_factorial(int k) {
  double product = 1;
  for (int i = 2; i <= k; ++i) product *= i;
  return 1 / product;
}

template <int K, typename X>
ASSAY_INLINE X taylor_of_exp(X r) {
  constexpr X coefficient = static_cast<X>(inverse_factorial(K));
  if constexpr (K == ExpFacts<X>::degree)
    return coefficient;
  else
    return coefficient + r * taylor_of_exp<K + 1, X>(r);
}

template <typename X>
ASSAY_INLINE X exponential(X x) {
  using Facts = ExpFacts<X>;
  using Bits = typename Facts::Bits;
  x = x < Facts::lowest ? Facts::lowest : x;
  x = x > Facts::highest ? Facts::highest : x;
  const X shifted = x * Facts::per_ln2 + Facts::magic;
  const X n = shifted - Facts::magic;
  const X r = (x - n * Facts::ln2_high) - n * Facts::ln2_low;
  // n + 4096 is positive, so that halving it is a plain shift.
  const Bits lifted = std::bit_cast<Bits>(shifted) - std::bit_cast<Bits>(Facts::magic) + 4096;
  const Bits half = lifted >> 1, rest = lifted - half;
  const X scale1 = std::bit_cast<X>((half + (Facts::bias - 2048)) << Facts::mantissa);
  const X scale2 = std::bit_cast<X>((rest + (Facts::bias - 2048)) << Facts::mantissa);
  return taylor_of_exp<0, X>(r) * scale1 * scale2;
}
