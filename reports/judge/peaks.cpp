#include "reports/judge/peaks.h"

#include <algorithm>
#include <set>
#include <vector>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "reports/base/toml_reader.h"
#include "reports/record/unit.h"

namespace assay {
namespace {

struct KnownFigure {
  const char* name;
  const char* unit;  ///< whose dimension the figure must have
};

constexpr KnownFigure known_figures[] = {
    {"f64", "FLOP/s"}, {"f64_matrix", "FLOP/s"}, {"f32", "FLOP/s"},  {"tf32", "FLOP/s"}, {"bf16", "FLOP/s"},
    {"f16", "FLOP/s"}, {"fp8", "FLOP/s"},        {"int8", "FLOP/s"}, {"memory", "B/s"},  {"scale_up", "B/s"},
};

std::vector<std::string> texts(TomlTable& table, const char* key) {
  std::vector<std::string> all;
  for (const PlacedScalar& one : table.scalars(key)) {
    const auto* text = std::get_if<std::string>(&one.value);
    if (text == nullptr)
      throw bad_input(std::string("'") + key + "' holds something else than texts", "quote it", one.where);
    all.push_back(*text);
  }
  return all;
}

void add_device(TomlTable& device, Peaks& peaks) {
  const std::vector<std::string> names = texts(device, "names");
  if (names.empty())
    throw bad_input("'names' is missing", "give the device's names as its driver tells them", device.where());
  const std::string source = device.required_string("source");
  const std::vector<std::string> unverified = texts(device, "unverified");
  std::map<std::string, Peak> figures;
  std::vector<std::string> figure_names;
  for (const KnownFigure& known : known_figures) {
    figure_names.emplace_back(known.name);
    const auto text = device.string(known.name);
    if (!text) continue;
    Quantity quantity;
    try {
      quantity = parse_quantity(*text);
    } catch (const Error& error) {
      throw bad_input(error.what(), "", device.where(known.name));
    }
    if (!(quantity.dimension == parse_unit(known.unit).dimension) || !(quantity.value > 0)) {
      throw bad_input("'" + *text + "' is not a positive figure in " + known.unit, "correct value or unit",
                      device.where(known.name));
    }
    const bool seen = std::find(unverified.begin(), unverified.end(), known.name) == unverified.end();
    figures[known.name] = {quantity.value, PeakBasis::theoretical, source + (seen ? "" : " (unverified)")};
  }
  for (const std::string& name : unverified) {
    if (!figures.contains(name)) {
      throw bad_input("'unverified' names '" + name + "', which has no figure here",
                      suggest(name, figure_names), device.where("unverified"));
    }
  }
  device.finish();
  for (const std::string& name : names) {
    if (!peaks.emplace(name, figures).second) {
      throw bad_input("device '" + name + "' is there twice", "keep one of the two", device.where("names"));
    }
  }
}

}  // namespace

Peaks parse_peaks(std::string_view toml, const std::string& file) {
  TomlTable top = TomlTable::parse(toml, file);
  if (const std::string schema = top.required_string("schema"); schema != "assay.peaks/1") {
    throw bad_input("schema is '" + schema + "', expected 'assay.peaks/1'", "is this a file of peaks?",
                    top.where("schema"));
  }
  Peaks peaks;
  for (TomlTable& device : top.tables("device")) add_device(device, peaks);
  top.finish();
  return peaks;
}

}  // namespace assay
