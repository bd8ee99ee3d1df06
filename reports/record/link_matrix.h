// The rates between all pairs of endpoints of a fabric, compact enough for 10,000 nodes (100 MB): the
// attachment of fabric/links. Little-endian, without gaps:
//
//   8 bytes  "ASYLINKS"
//   u32      version, 1
//   u32      endpoints n
//   u64      bytes of one message
//   u32      pairs measured again alone, k
//   u32      bytes of the names
//   names    per endpoint: u32 rank, u16 length, the node's name
//   u16      codes of the pairs (0,1) (0,2) ... (0,n-1) (1,2) ...: the upper triangle row by row
//   k times  u32 first, u32 second, f64 rate
//
// A code c > 0 means 2^((c - 1) / 1365) B/s: steps of 0.051 %, so a rate read back is within 0.026 % of the
// one measured, from 1 B/s to 281 TB/s. 0 means not measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reports/base/error.h"

namespace assay {

inline constexpr int link_steps_per_octave = 1365;

/// The nearest code of a rate in B/s; 0 for one that is not positive and finite. Rates outside the range of
/// the code become its ends, never "not measured".
std::uint16_t link_code(double rate);
/// B/s; 0 for code 0.
double rate_of_code(std::uint16_t code);

struct LinkEndpoint {
  std::string node;
  int rank = 0;  ///< in its process group
  friend bool operator==(const LinkEndpoint&, const LinkEndpoint&) = default;
};

/// A pair measured again while all others were silent.
struct LinkAlone {
  std::uint32_t first = 0, second = 0;  ///< endpoints, first < second
  double rate = 0;                      ///< B/s in each direction
  friend bool operator==(const LinkAlone&, const LinkAlone&) = default;
};

struct LinkMatrix {
  std::vector<LinkEndpoint> endpoints;
  std::uint64_t message_bytes = 0;
  std::vector<std::uint16_t> codes;  ///< upper triangle row by row, n (n - 1) / 2; B/s in each direction
  std::vector<LinkAlone> alone;
  friend bool operator==(const LinkMatrix&, const LinkMatrix&) = default;
};

/// n (n - 1) / 2.
std::size_t pair_count(std::size_t endpoints);
/// Place of the pair first < second in the triangle.
std::size_t pair_index(std::size_t endpoints, std::size_t first, std::size_t second);
/// Names for people: the node's, or "n017 rank 3" for all when some node has several endpoints.
std::vector<std::string> endpoint_names(const LinkMatrix& matrix);

/// Bytes of the encoded matrix, without encoding it. `names_bytes`: of all node names together.
std::uint64_t encoded_link_bytes(std::uint64_t endpoints, std::uint64_t names_bytes, std::uint64_t alone);
std::string encode_links(const LinkMatrix& matrix);

/// Whether the bytes begin as a link matrix does.
bool is_link_matrix(std::string_view bytes);
/// Throws Error(bad_input) naming `file`: not a link matrix, another version, cut off, longer than it says,
/// names or pairs that cannot be.
LinkMatrix decode_links(std::string_view bytes, const std::string& file);

}  // namespace assay
