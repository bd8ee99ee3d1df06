#include "reports/base/toml_reader.h"

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>
#include <set>

#include "reports/base/names.h"

namespace assay {

struct TomlTable::Impl {
  std::shared_ptr<const toml::table> document;  // keeps `table` alive
  const toml::table* table = nullptr;
  std::string file;
  std::set<std::string, std::less<>> asked;

  Location place(const toml::node& node) const {
    return {file, static_cast<int>(node.source().begin.line), static_cast<int>(node.source().begin.column)};
  }
  const toml::node* ask(std::string_view key) {
    asked.emplace(key);
    return table->get(key);
  }
};

namespace {

const char* type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

Error wrong_type(std::string_view key, const toml::node& node, const char* expected, Location where) {
  return bad_input("'" + std::string(key) + "' is " + type_name(node), std::string("expected ") + expected,
                   std::move(where));
}

}  // namespace

TomlTable::TomlTable(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

TomlTable TomlTable::parse(std::string_view text, const std::string& file) {
  auto impl = std::make_shared<Impl>();
  impl->file = file;
  try {
    impl->document = std::make_shared<const toml::table>(toml::parse(text, file));
  } catch (const toml::parse_error& failure) {
    const auto& at = failure.source().begin;
    throw bad_input("not valid TOML: " + std::string(failure.description()),
                    "see https://toml.io for the syntax",
                    {file, static_cast<int>(at.line), static_cast<int>(at.column)});
  }
  impl->table = impl->document.get();
  return TomlTable(std::move(impl));
}

std::optional<std::string> TomlTable::string(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* text = node->as_string()) return text->get();
  throw wrong_type(key, *node, "a text in quotes", impl_->place(*node));
}

std::string TomlTable::required_string(std::string_view key) {
  if (auto text = string(key)) return *text;
  throw bad_input("'" + std::string(key) + "' is missing here", "add: " + std::string(key) + " = \"...\"",
                  where());
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* number = node->as_integer()) return number->get();
  throw wrong_type(key, *node, "an integer", impl_->place(*node));
}

std::optional<double> TomlTable::number(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* number = node->as_integer()) return static_cast<double>(number->get());
  if (const auto* number = node->as_floating_point()) return number->get();
  throw wrong_type(key, *node, "a number", impl_->place(*node));
}

std::optional<bool> TomlTable::boolean(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* truth = node->as_boolean()) return truth->get();
  throw wrong_type(key, *node, "true or false", impl_->place(*node));
}

namespace {

std::optional<TomlScalar> scalar_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* truth = node.as_boolean()) return truth->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  return std::nullopt;
}

}  // namespace

std::optional<PlacedScalar> TomlTable::scalar(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return std::nullopt;
  if (const auto value = scalar_of(*node)) return PlacedScalar{*value, impl_->place(*node)};
  throw wrong_type(key, *node, "a single value", impl_->place(*node));
}

std::vector<PlacedScalar> TomlTable::scalars(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return {};
  if (const auto value = scalar_of(*node)) return {PlacedScalar{*value, impl_->place(*node)}};
  const toml::array* list = node->as_array();
  if (list == nullptr) throw wrong_type(key, *node, "a value or a list of values", impl_->place(*node));
  if (list->empty()) {
    throw bad_input("'" + std::string(key) + "' is an empty list (it would stand for nothing)",
                    "give at least one value or leave the key out", impl_->place(*node));
  }
  std::vector<PlacedScalar> values;
  for (const toml::node& element : *list) {
    const auto value = scalar_of(element);
    if (!value) throw wrong_type(key, element, "a list of plain values", impl_->place(element));
    values.push_back({*value, impl_->place(element)});
  }
  return values;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_table()) throw wrong_type(key, *node, "a table", impl_->place(*node));
  auto impl = std::make_shared<Impl>();
  impl->document = impl_->document;
  impl->table = node->as_table();
  impl->file = impl_->file;
  return TomlTable(std::move(impl));
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  const toml::node* node = impl_->ask(key);
  if (node == nullptr) return {};
  const toml::array* list = node->as_array();
  const std::string form = "[[" + std::string(key) + "]]";
  if (list == nullptr)
    throw wrong_type(key, *node, ("a list of tables: " + form).c_str(), impl_->place(*node));
  std::vector<TomlTable> result;
  for (const toml::node& element : *list) {
    if (!element.is_table())
      throw wrong_type(key, element, ("a list of tables: " + form).c_str(), impl_->place(element));
    auto impl = std::make_shared<Impl>();
    impl->document = impl_->document;
    impl->table = element.as_table();
    impl->file = impl_->file;
    result.push_back(TomlTable(std::move(impl)));
  }
  return result;
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, node] : *impl_->table) names.emplace_back(key.str());
  return names;
}

bool TomlTable::has(std::string_view key) {
  return impl_->ask(key) != nullptr;
}

Location TomlTable::where() const {
  return impl_->place(*impl_->table);
}

Location TomlTable::where(std::string_view key) const {
  const toml::node* node = impl_->table->get(key);
  return node == nullptr ? where() : impl_->place(*node);
}

void TomlTable::finish() const {
  const std::vector<std::string> known(impl_->asked.begin(), impl_->asked.end());
  for (const auto& [key, node] : *impl_->table) {
    if (impl_->asked.contains(key.str())) continue;
    const auto& at = key.source().begin;
    throw bad_input("unknown key '" + std::string(key.str()) + "' (what it was meant to say would be lost)",
                    suggest(key.str(), known),
                    {impl_->file, static_cast<int>(at.line), static_cast<int>(at.column)});
  }
}

}  // namespace assay
