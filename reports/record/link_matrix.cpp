#include "reports/record/link_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

namespace assay {

namespace {

constexpr std::string_view magic = "ASYLINKS";
constexpr std::uint32_t format_version = 1;
constexpr std::uint64_t header_bytes = 8 + 4 + 4 + 8 + 4 + 4;
constexpr std::uint64_t alone_bytes = 4 + 4 + 8;
constexpr std::uint64_t endpoint_bytes = 4 + 2;    // and its name
constexpr std::uint32_t most_endpoints = 200'000;  // 40 GB: more is a damaged file
constexpr std::uint16_t largest_code = std::numeric_limits<std::uint16_t>::max();

template <typename Integer>
void put(std::string& bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xff);
}

// Takes integers from the front; the caller knows that there are enough bytes.
class Source {
 public:
  Source(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  template <typename Integer>
  Integer take() {
    const std::string_view part = text(sizeof(Integer));
    Integer value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
      value = static_cast<Integer>(value |
                                   (static_cast<Integer>(static_cast<unsigned char>(part[i])) << (8 * i)));
    }
    return value;
  }

  std::string_view text(std::size_t count) {
    if (count > bytes_.size()) refuse("it is cut off");
    const std::string_view part = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return part;
  }

  std::size_t left() const { return bytes_.size(); }

  [[noreturn]] void refuse(const std::string& why) const {
    throw bad_input("this link matrix cannot be read: " + why + " (its launch cannot be judged)",
                    "restore the file from a copy", {file_});
  }

 private:
  std::string_view bytes_;
  const std::string& file_;
};

LinkEndpoint take_endpoint(Source& names) {
  LinkEndpoint endpoint;
  const auto rank = names.take<std::uint32_t>();
  if (rank > static_cast<std::uint32_t>(std::numeric_limits<int>::max()))
    names.refuse("a rank is out of range");
  endpoint.rank = static_cast<int>(rank);
  endpoint.node = names.text(names.take<std::uint16_t>());
  const bool printable = std::none_of(endpoint.node.begin(), endpoint.node.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (endpoint.node.empty() || !printable) names.refuse("an endpoint has no proper name");
  return endpoint;
}

}  // namespace

std::uint16_t link_code(double rate) {
  if (!(rate > 0) || !std::isfinite(rate)) return 0;
  const double code = 1 + std::round(link_steps_per_octave * std::log2(rate));
  return static_cast<std::uint16_t>(std::clamp(code, 1.0, static_cast<double>(largest_code)));
}

double rate_of_code(std::uint16_t code) {
  return code == 0 ? 0 : std::exp2((code - 1.0) / link_steps_per_octave);
}

std::size_t pair_count(std::size_t endpoints) {
  return endpoints < 2 ? 0 : endpoints * (endpoints - 1) / 2;
}

std::size_t pair_index(std::size_t endpoints, std::size_t first, std::size_t second) {
  return first * (2 * endpoints - first - 1) / 2 + (second - first - 1);
}

std::vector<std::string> endpoint_names(const LinkMatrix& matrix) {
  std::set<std::string_view> nodes;
  for (const LinkEndpoint& endpoint : matrix.endpoints) nodes.insert(endpoint.node);
  const bool one_each = nodes.size() == matrix.endpoints.size();
  std::vector<std::string> names;
  names.reserve(matrix.endpoints.size());
  for (const LinkEndpoint& endpoint : matrix.endpoints) {
    names.push_back(one_each ? endpoint.node : endpoint.node + " rank " + std::to_string(endpoint.rank));
  }
  return names;
}

std::uint64_t encoded_link_bytes(std::uint64_t endpoints, std::uint64_t names_bytes, std::uint64_t alone) {
  return header_bytes + endpoints * endpoint_bytes + names_bytes + 2 * pair_count(endpoints) +
         alone * alone_bytes;
}

std::string encode_links(const LinkMatrix& matrix) {
  const std::size_t n = matrix.endpoints.size();
  if (matrix.codes.size() != pair_count(n)) throw std::logic_error("a link matrix with gaps");
  std::string names;
  for (const LinkEndpoint& endpoint : matrix.endpoints) {
    if (endpoint.node.size() > std::numeric_limits<std::uint16_t>::max()) {
      throw std::logic_error("a node's name is too long");
    }
    put(names, static_cast<std::uint32_t>(endpoint.rank));
    put(names, static_cast<std::uint16_t>(endpoint.node.size()));
    names += endpoint.node;
  }
  std::string bytes;
  bytes.reserve(header_bytes + names.size() + 2 * matrix.codes.size() + matrix.alone.size() * alone_bytes);
  bytes += magic;
  put(bytes, format_version);
  put(bytes, static_cast<std::uint32_t>(n));
  put(bytes, matrix.message_bytes);
  put(bytes, static_cast<std::uint32_t>(matrix.alone.size()));
  put(bytes, static_cast<std::uint32_t>(names.size()));
  bytes += names;
  for (const std::uint16_t code : matrix.codes) put(bytes, code);
  for (const LinkAlone& one : matrix.alone) {
    put(bytes, one.first);
    put(bytes, one.second);
    put(bytes, std::bit_cast<std::uint64_t>(one.rate));
  }
  return bytes;
}

bool is_link_matrix(std::string_view bytes) {
  return bytes.substr(0, magic.size()) == magic;
}

LinkMatrix decode_links(std::string_view bytes, const std::string& file) {
  Source source(bytes, file);
  if (!is_link_matrix(bytes)) source.refuse("it does not begin as one");
  source.text(magic.size());
  const auto version = source.take<std::uint32_t>();
  if (version != format_version) {
    throw bad_input("this link matrix is of version " + std::to_string(version) + ", expected " +
                        std::to_string(format_version),
                    "use the assay of the version that wrote it", {file});
  }
  const auto endpoints = source.take<std::uint32_t>();
  LinkMatrix matrix;
  matrix.message_bytes = source.take<std::uint64_t>();
  const auto alone = source.take<std::uint32_t>();
  const auto names_bytes = source.take<std::uint32_t>();
  if (endpoints < 2 || endpoints > most_endpoints) {
    source.refuse("it has " + std::to_string(endpoints) + " endpoints");
  }
  const std::uint64_t pairs = pair_count(endpoints);
  if (alone > 2 * pairs) source.refuse("more pairs were measured again than there are");
  // All sizes are checked against the file before anything is allocated by them.
  const std::uint64_t wanted = names_bytes + 2 * pairs + alone * alone_bytes;
  if (source.left() != wanted) {
    source.refuse("it has " + std::to_string(source.left()) + " bytes after its header instead of " +
                  std::to_string(wanted));
  }
  Source names(source.text(names_bytes), file);
  matrix.endpoints.reserve(endpoints);
  std::set<std::pair<std::string_view, int>> seen;
  for (std::uint32_t i = 0; i < endpoints; ++i) {
    matrix.endpoints.push_back(take_endpoint(names));
    if (!seen.insert({matrix.endpoints.back().node, matrix.endpoints.back().rank}).second) {
      source.refuse("an endpoint is there twice");
    }
  }
  if (names.left() > 0) source.refuse("its names are longer than it says");
  matrix.codes.resize(pairs);
  for (std::uint16_t& code : matrix.codes) code = source.take<std::uint16_t>();
  for (std::uint32_t i = 0; i < alone; ++i) {
    LinkAlone one;
    one.first = source.take<std::uint32_t>();
    one.second = source.take<std::uint32_t>();
    one.rate = std::bit_cast<double>(source.take<std::uint64_t>());
    if (one.first >= one.second || one.second >= endpoints || !(one.rate > 0) || !std::isfinite(one.rate)) {
      source.refuse("a pair measured again is no pair, or its rate no rate");
    }
    matrix.alone.push_back(one);
  }
  return matrix;
}

}  // namespace assay
