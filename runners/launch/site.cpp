#include "runners/launch/site.h"

#include <algorithm>
#include <set>

#include "reports/base/names.h"
#include "reports/base/toml_reader.h"

namespace assay {
namespace {

std::vector<std::string> texts(TomlTable& table, const char* key, const char* example) {
  std::vector<std::string> all;
  for (const PlacedScalar& one : table.scalars(key)) {
    const auto* text = std::get_if<std::string>(&one.value);
    if (text == nullptr || text->empty()) {
      throw bad_input(std::string("'") + key + "' holds something else than texts",
                      std::string("write ") + example, one.where);
    }
    all.push_back(*text);
  }
  return all;
}

bool is_variable_name(const std::string& name) {
  static constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  return !name.empty() && name.find_first_not_of(allowed) == std::string::npos &&
         !(name[0] >= '0' && name[0] <= '9');
}

}  // namespace

Site parse_site(std::string_view toml, const std::string& file) {
  TomlTable top = TomlTable::parse(toml, file);
  if (const std::string schema = top.required_string("schema"); schema != "assay.site/1") {
    throw bad_input("schema is '" + schema + "', expected 'assay.site/1'", "is this a site file?",
                    top.where("schema"));
  }
  Site site;
  site.name = top.string("name").value_or("");
  site.worker = top.string("worker").value_or("");
  site.hosts = texts(top, "hosts", "hosts = [\"n001\", \"n002\"]");
  std::set<std::string> seen;
  for (const std::string& host : site.hosts) {
    // Names end up in arguments of the launcher and in paths.
    if (host.front() == '-' || host.find_first_of(" ,/:\t\n") != std::string::npos) {
      throw bad_input("'" + host + "' cannot be a host's name", "give plain host names", top.where("hosts"));
    }
    if (!seen.insert(host).second) {
      throw bad_input("host '" + host + "' is listed twice (its nodes would be measured against themselves)",
                      "list each host once", top.where("hosts"));
    }
  }
  if (auto launcher = top.table("launcher")) {
    const std::vector<std::string> kinds = {"mpiexec", "srun"};
    site.launcher = launcher->string("kind").value_or(site.launcher);
    if (std::find(kinds.begin(), kinds.end(), site.launcher) == kinds.end()) {
      throw bad_input("unknown launcher '" + site.launcher + "'", suggest(site.launcher, kinds),
                      launcher->where("kind"));
    }
    if (site.launcher == "srun") site.launcher_program = "srun";
    site.launcher_program = launcher->string("program").value_or(site.launcher_program);
    site.launcher_arguments = texts(*launcher, "arguments", "arguments = [\"-iface\", \"ib0\"]");
    site.bind = launcher->boolean("bind").value_or(site.bind);
    launcher->finish();
  }
  if (auto environment = top.table("environment")) {
    for (const std::string& name : environment->keys()) {
      const auto where = environment->where(name);
      const std::string value = environment->required_string(name);
      if (!is_variable_name(name)) {
        throw bad_input("'" + name + "' cannot name an environment variable", "use letters, digits and _",
                        where);
      }
      site.environment.emplace_back(name, value);
    }
    environment->finish();
  }
  if (auto storage = top.table("storage")) {
    for (const std::string& name : storage->keys()) {
      const auto where = storage->where(name);
      const std::string path = storage->required_string(name);
      if (path.empty() || path.front() != '/') {
        throw bad_input("storage." + name + " is '" + path + "' (every node must find the same folder)",
                        "give an absolute path", where);
      }
      site.storage.emplace(name, path);
    }
    storage->finish();
  }
  top.finish();
  return site;
}

}  // namespace assay
