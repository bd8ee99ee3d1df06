#include "reports/evidence/attachments.h"

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/record/link_matrix.h"

namespace assay {

namespace {

/// A record of all pairs without its matrix: somebody took it away.
bool lacks_its_matrix(const Record& record, const Attached& attached) {
  if (record.benchmark != "fabric/links" || record.status != LaunchStatus::completed) return false;
  const auto pattern = record.parameters.find("pattern");
  return pattern != record.parameters.end() && to_string(pattern->second) == "pairs" && !attached.links;
}

}  // namespace

Attached read_attached(const Record& record, const std::filesystem::path& folder) {
  Attached attached;
  for (const std::string& hash : record.attachments) {
    const std::filesystem::path file = folder / hash;
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
      attached.trouble = "attachment " + file.string() + " is missing";
      return attached;
    }
    try {
      const std::string bytes = read_file(file);
      if (sha256_hex(bytes) != hash) {
        attached.trouble = "attachment " + file.string() + " was altered (its SHA-256 is not its name)";
        return attached;
      }
      if (is_link_matrix(bytes)) attached.links = diagnose_links(decode_links(bytes, file.string()));
    } catch (const Error& damaged) {
      attached.trouble = damaged.what();
      return attached;
    }
  }
  if (lacks_its_matrix(record, attached)) attached.trouble = "the record refers to no link matrix";
  return attached;
}

}  // namespace assay
