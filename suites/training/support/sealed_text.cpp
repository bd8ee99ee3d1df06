#include "suites/training/support/sealed_text.h"

#include "reports/base/files.h"
#include "reports/base/names.h"

namespace assay::training {

namespace {

constexpr std::string_view seal_word = "sha256 ";
constexpr std::size_t digest_digits = 64;

}  // namespace

std::string seal(const std::vector<std::string>& lines) {
  std::string text = join(lines, "\n") + "\n";
  return text + std::string(seal_word) + sha256_hex(text) + "\n";
}

std::optional<std::vector<std::string>> unseal(std::string_view text) {
  const std::size_t end = text.find("\n" + std::string(seal_word));
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view sealed = text.substr(0, end + 1);
  const std::size_t digest = end + 1 + seal_word.size();
  if (text.substr(digest, digest_digits + 1) != sha256_hex(sealed) + "\n") return std::nullopt;
  if (text.find_first_not_of('\0', digest + digest_digits + 1) != std::string_view::npos) return std::nullopt;
  std::vector<std::string> lines;
  for (std::size_t begin = 0, stop = 0; begin < sealed.size(); begin = stop + 1) {
    stop = sealed.find('\n', begin);
    lines.emplace_back(sealed.substr(begin, stop - begin));
  }
  return lines;
}

}  // namespace assay::training
