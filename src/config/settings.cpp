#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "config/document.hpp"
#include "config/issuer_settings.hpp"
#include "config/reach_settings.hpp"
#include "config/schema.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"

extern char** environ;

namespace countersign::config {
namespace {

constexpr std::string_view prefix = "COUNTERSIGN_";
// These variables are read by other parts of the program.
constexpr std::array<std::string_view, 4> other_variables{"COUNTERSIGN_URL", "COUNTERSIGN_TOKEN",
                                                          "COUNTERSIGN_HOME", "COUNTERSIGN_CONFIG"};

std::vector<std::string> known_names() {
    std::vector<std::string> names;
    for (const Key& key : schema()) {
        names.push_back(key.name);
        if (key.shape == Key::Shape::secret) names.push_back(key.name + "_file");
    }
    return names;
}

std::unexpected<Failure> unknown_key(const Item& item) {
    std::string hint;
    if (auto near = nearest(item.key, known_names())) hint = fmt::format("; did you mean '{}'?", *near);
    return fail(Trouble::invalid_input,
                fmt::format("{}: unknown key '{}'{}", item.location, visible(item.key), hint));
}

Result<Done> apply(Settings& settings, Item item, const std::string& folder, std::set<std::string>& given) {
    if (of_an_issuer(item.key)) return apply_issuer(settings, item, folder);
    std::string name = item.key;
    const Key* key = find_key(name);
    if (key == nullptr && name.ends_with("_file")) {
        name.resize(name.size() - 5);
        key = find_key(name);
        if (key == nullptr || key->shape != Key::Shape::secret) return unknown_key(item);
        std::string file = path_in(folder, item.text);
        auto content = read_file(file, secret_bytes_max);
        if (!content) return wrong(item, fmt::format("cannot be read: {}", content.error().detail));
        item.text = std::string{trim(*content)};
        settings.secret_files.push_back(std::move(file));
    }
    if (key == nullptr) {
        auto inside = [&](const Key& each) { return each.name.starts_with(name + "."); };
        if (item.null && std::ranges::any_of(schema(), inside))
            return Done{};  // `slack:` with nothing below it
        return unknown_key(item);
    }
    if (!given.insert(name).second) {
        return wrong(item, fmt::format("and {}_file are both given; keep one", name));
    }
    if (item.null) return Done{};
    if (item.list != (key->shape == Key::Shape::list))
        return wrong(item, item.list ? "must be one value" : "must be a list");
    return key->set(settings, item, folder);
}

// Kubernetes adds COUNTERSIGN_SERVICE_HOST, COUNTERSIGN_PORT_8480_TCP and the like for a Service of this
// name.
bool of_kubernetes(std::string_view rest) {
    return rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_");
}

Result<Done> apply_environment(Settings& settings, const Environment& environment) {
    std::map<std::string, std::string> names;  // the key of each variable without its prefix
    std::vector<std::string> candidates;
    for (const std::string& name : known_names()) {
        std::string rest = variable_of(name).substr(prefix.size());
        names.emplace(rest, name);
        candidates.push_back(std::move(rest));
    }
    std::set<std::string> given;
    for (const auto& [variable, value] : environment) {
        if (!variable.starts_with(prefix)) continue;
        if (std::find(other_variables.begin(), other_variables.end(), variable) != other_variables.end())
            continue;
        std::string rest = variable.substr(prefix.size());
        auto known = names.find(rest);
        if (known == names.end()) {
            auto near = of_kubernetes(rest) ? std::nullopt : nearest(rest, candidates);
            // Only what looks like a misspelt variable of ours is an error; others belong to somebody else.
            if (!near) continue;
            return fail(Trouble::invalid_input, fmt::format("{}: unknown variable; did you mean {}{}?",
                                                            visible(variable), prefix, *near));
        }
        if (known->second == issuers_key) {
            auto read = issuers_from_variable(settings, variable, value);
            if (!read) return read;
            continue;
        }
        Item item{.key = known->second, .location = variable, .text = value, .items = {}};
        if (const Key* key = find_key(item.key); key != nullptr && key->shape == Key::Shape::list) {
            item.list = true;
            for (const std::string& each : split(value, ',')) {
                if (!trim(each).empty()) item.items.emplace_back(trim(each));
            }
        }
        auto applied = apply(settings, std::move(item), "", given);
        if (!applied) return applied;
    }
    return Done{};
}

}  // namespace

std::string variable_of(std::string_view key) {
    std::string name{prefix};
    for (char c : key) {
        bool lower = c >= 'a' && c <= 'z';
        name += c == '.' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return name;
}

Failure missing(std::string_view key, std::string_view what) {
    return Failure{Trouble::invalid_input,
                   fmt::format("{} is not set: add it to the configuration file or set {}; {}", key,
                               variable_of(key), what),
                   "", ""};
}

Environment process_environment() {
    Environment found;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
        std::string_view line{*each};
        std::size_t equals = line.find('=');
        if (!line.starts_with(prefix) || equals == std::string_view::npos) continue;
        found.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    return found;
}

Result<Settings> load(const std::string& file, const Environment& environment) {
    Settings settings;
    if (!file.empty()) {
        auto content = read_file(file, file_bytes_max);
        if (!content) return pass(content);
        auto items = read_document(file, *content);
        if (!items) return pass(items);
        std::size_t slash = file.rfind('/');
        std::string folder = slash == std::string::npos ? "" : slash == 0 ? "/" : file.substr(0, slash);
        std::set<std::string> given;
        for (Item& item : *items) {
            auto applied = apply(settings, std::move(item), folder, given);
            if (!applied) return pass(applied);
        }
    }
    auto applied = apply_environment(settings, environment);
    if (!applied) return pass(applied);
    if (settings.tls_certificate.empty() != settings.tls_key.empty()) {
        return std::unexpected(missing(settings.tls_key.empty() ? "tls.key" : "tls.certificate",
                                       "a certificate and its key come together"));
    }
    for (const auto& issuer : settings.issuers) {
        if (!issuer.issuer.empty()) continue;
        return fail(
            Trouble::invalid_input,
            fmt::format("{}: an issuer needs `issuer`, as its tokens have it in `iss`", issuer.location));
    }
    auto whole_settings = complete_reach(settings);
    if (!whole_settings) return pass(whole_settings);
    return settings;
}

}  // namespace countersign::config
