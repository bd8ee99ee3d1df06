#include "runners/cli/knowledge.h"

#include <string_view>

#include "reports/judge/peaks.h"

namespace assay {
namespace embedded {
extern const std::string_view catalogue_json;
extern const std::string_view peaks_toml;
}  // namespace embedded

Knowledge embedded_knowledge() {
  return {parse_catalogue(embedded::catalogue_json, "catalogue.json (embedded)"),
          parse_peaks(embedded::peaks_toml, "gpus.toml (embedded)")};
}

}  // namespace assay
