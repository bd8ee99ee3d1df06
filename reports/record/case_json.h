// What a record and a request say of a case in the same words.
#pragma once

#include <nlohmann/json.hpp>
#include <variant>

#include "reports/record/record.h"
#include "reports/record/words.h"

namespace assay {

inline nlohmann::ordered_json to_json_value(const Parameters& parameters) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, value] : parameters) {
    std::visit([&, key = name](const auto& plain) { json[key] = plain; }, value);
  }
  return json;
}

inline nlohmann::ordered_json to_json_value(const Geometry& geometry) {
  return {{"placement", word(geometry.placement)},
          {"nodes", geometry.nodes},
          {"ranks_per_node", geometry.ranks_per_node},
          {"threads_per_rank", geometry.threads_per_rank}};
}

}  // namespace assay
