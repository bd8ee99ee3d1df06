#include "reports/evidence/chain.h"

#include <nlohmann/json.hpp>
#include <system_error>

#include "reports/base/error.h"

namespace assay {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ChainValue value_from(const json& value, const Location& where) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::vector<std::string> texts;
    for (const json& one : value) {
      if (!one.is_string())
        throw bad_input("a list holds something else than texts", "restore the file from a copy", where);
      texts.push_back(one.get<std::string>());
    }
    return texts;
  }
  throw bad_input("a value has a type that this file cannot have", "restore the file from a copy", where);
}

ChainEntry parse_line(std::string_view line, std::string_view schema, const std::string& previous,
                      const Location& where) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object())
    throw bad_input("this line is not a JSON object", "restore the file from a copy", where);
  for (const char* key : {"schema", "time", "event", "previous"}) {
    if (!object.contains(key) || !object[key].is_string()) {
      throw bad_input(std::string("the text '") + key + "' is missing", "restore the file from a copy",
                      where);
    }
  }
  if (object["schema"] != schema) {
    throw bad_input(
        "schema is '" + object["schema"].get<std::string>() + "', expected '" + std::string(schema) + "'",
        "use the assay of the version that wrote it", where);
  }
  if (object["previous"] != previous) {
    throw bad_input("the chain of hashes breaks here (a line before was changed, removed or added)",
                    "restore the file from a copy", where);
  }
  ChainEntry entry;
  entry.line = where.line;
  entry.time = object["time"].get<std::string>();
  entry.event = object["event"].get<std::string>();
  for (const auto& [name, value] : object.items()) {
    if (name == "schema" || name == "time" || name == "event" || name == "previous") continue;
    entry.values.emplace(name, value_from(value, where));
  }
  return entry;
}

template <typename Type>
Type value_or_empty(const ChainValues& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end()) return {};
  const Type* value = std::get_if<Type>(&found->second);
  return value ? *value : Type{};
}

/// Takes a cut-off last line away and gives the hash to go on from.
std::string prepare(const std::filesystem::path& file, std::string_view schema) {
  const Chain chain = read_chain(file, schema);
  if (chain.truncated_last_line) {
    std::error_code error;
    std::filesystem::resize_file(file, chain.whole_bytes, error);
    if (error)
      throw Error(ExitStatus::cannot_run, "cannot write " + file.string() + ": " + error.message(),
                  "check its permissions");
  }
  return chain.last_hash;
}

}  // namespace

std::string ChainEntry::text(const std::string& name) const {
  return value_or_empty<std::string>(values, name);
}

std::vector<std::string> ChainEntry::texts(const std::string& name) const {
  return value_or_empty<std::vector<std::string>>(values, name);
}

std::int64_t ChainEntry::integer(const std::string& name) const {
  return value_or_empty<std::int64_t>(values, name);
}

Chain read_chain(const std::filesystem::path& file, std::string_view schema) {
  Chain chain;
  chain.last_hash = sha256_hex("");
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return chain;
  const std::string content = read_file(file);
  int line = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = content.find('\n', begin);
    if (end == std::string::npos) {
      chain.truncated_last_line = true;
      break;
    }
    const std::string_view text = std::string_view(content).substr(begin, end - begin);
    chain.entries.push_back(parse_line(text, schema, chain.last_hash, {file.string(), ++line, 0}));
    chain.last_hash = sha256_hex(text);
    begin = end + 1;
    chain.whole_bytes = begin;
  }
  return chain;
}

std::string chain_line(std::string_view schema, const std::string& time, const std::string& event,
                       const ChainValues& values, const std::string& previous) {
  ordered_json object = {{"schema", schema}, {"time", time}, {"event", event}};
  for (const auto& [name, value] : values) {
    std::visit([&, key = name](const auto& plain) { object[key] = plain; }, value);
  }
  object["previous"] = previous;
  // Bytes that are no UTF-8 (a worker's last words) become the replacement character.
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

ChainFile::ChainFile(const std::filesystem::path& file, std::string_view schema)
    : schema_(schema), last_hash_(prepare(file, schema)), file_(file) {}

void ChainFile::append(const std::string& time, const std::string& event, const ChainValues& values) {
  const std::string line = chain_line(schema_, time, event, values, last_hash_);
  file_.append(line);
  last_hash_ = sha256_hex(std::string_view(line).substr(0, line.size() - 1));
}

}  // namespace assay
