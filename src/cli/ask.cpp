#include "cli/ask.hpp"

#include <fmt/core.h>

#include <string_view>
#include <utility>

#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t salt_bytes_min = 16;
constexpr std::string_view filed_when_off = "attach_arguments";
constexpr std::size_t params_file_bytes_max = 4 * 1024 * 1024;  // the server's own limit answers for the rest

Result<std::pair<std::string, std::string>> name_and_value(const std::string& text, const char* option) {
    std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        return fail(Trouble::invalid_input,
                    fmt::format("{} {}: write it as NAME=VALUE", option, visible(text)));
    }
    return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

bool has(const core::Value& parameters, std::string_view name) {
    return parameters.members() != nullptr && parameters.members()->find(name) != nullptr;
}

std::unexpected<Failure> taken(std::string_view name) {
    return fail(Trouble::invalid_input,
                fmt::format("the parameter '{}' is filed by `run` itself; choose another name", name));
}

Result<core::Value> parameters_of(const AskOptions& options, const core::Value::Object& own) {
    core::Value parameters;
    if (!options.params_file.empty()) {
        std::string path = options.params_file == "-" ? "/dev/stdin" : options.params_file;
        auto text = config::read_file(path, params_file_bytes_max);
        if (!text) return pass(text);
        auto value = wire::parse_json(*text, {.bytes_max = params_file_bytes_max});
        if (!value) {
            return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), value.error().detail));
        }
        if (value->members() == nullptr) {
            return fail(Trouble::invalid_input,
                        fmt::format("{}: parameters must be a JSON object", visible(path)));
        }
        parameters = std::move(*value);
    }
    for (const std::string& param : options.params) {
        auto pair = name_and_value(param, "--param");
        if (!pair) return pass(pair);
        if (!valid_utf8(param)) return fail(Trouble::invalid_input, "--param must be UTF-8");
        parameters.set(pair->first, parameter_value(pair->second));
    }
    for (const auto& [name, value] : own) {
        if (has(parameters, name)) return taken(name);
        parameters.set(name, value);
    }
    // Filed only where it is turned off: set here it would say what is not so.
    if (!own.empty() && own.find(filed_when_off) == nullptr && has(parameters, filed_when_off))
        return taken(filed_when_off);
    return parameters;
}

Result<Done> add_lists(core::Value& body, const AskOptions& options) {
    for (const std::string& person : options.on_behalf_of) {
        if (body["on_behalf_of"].is_null()) body.set("on_behalf_of", core::Value::array());
        body.members()->find("on_behalf_of")->push(person);
    }
    core::Value labels;
    for (const std::string& label : options.labels) {
        auto pair = name_and_value(label, "--label");
        if (!pair) return pass(pair);
        labels.set(pair->first, pair->second);
    }
    if (!labels.is_null()) body.set("labels", std::move(labels));
    core::Value links;
    for (const std::string& link : options.links) {
        auto pair = name_and_value(link, "--link");
        if (!pair) return pass(pair);
        links.push(core::Value::object({{"title", pair->first}, {"url", pair->second}}));
    }
    if (!links.is_null()) body.set("links", std::move(links));
    core::Value sensitive;
    for (const std::string& pointer : options.sensitive) sensitive.push(pointer);
    if (!sensitive.is_null()) body.set("sensitive", std::move(sensitive));
    return Done{};
}

Result<Done> all_utf8(const AskOptions& options) {
    auto check = [](const std::string& text) { return valid_utf8(text); };
    bool fine = check(options.action) && check(options.resource) && check(options.environment) &&
                check(options.intent) && check(options.expires_in);
    for (const auto* list : {&options.on_behalf_of, &options.sensitive, &options.labels, &options.links}) {
        for (const std::string& text : *list) fine = fine && check(text);
    }
    if (!fine) return fail(Trouble::invalid_input, "the options must be UTF-8");
    return Done{};
}

}  // namespace

core::Value parameter_value(const std::string& text) {
    auto value = wire::parse_json(text, {.bytes_max = params_file_bytes_max});
    if (!value) return text;
    if (const double* number = value->number();
        number != nullptr && core::canonical_number(*number) != text) {
        return text;
    }
    return std::move(*value);
}

Result<Ask> make_ask(const AskOptions& options, const core::Value::Object& own) {
    auto utf8 = all_utf8(options);
    if (!utf8) return pass(utf8);
    auto parameters = parameters_of(options, own);
    if (!parameters) return pass(parameters);
    core::Value body = core::Value::object({{"action", options.action}});
    core::Request request{.id = core::RequestId{core::RequestId::Bytes{}},
                          .action = options.action,
                          .resource = std::nullopt,
                          .environment = std::nullopt,
                          .intent = {},
                          .parameters = std::nullopt,
                          .labels = {},
                          .on_behalf_of = {},
                          .links = {},
                          .requester = {},
                          .digest = {},
                          .created_at = {},
                          .expires_at = {}};
    if (!options.resource.empty()) {
        body.set("resource", options.resource);
        request.resource = options.resource;
    }
    if (!options.environment.empty()) {
        body.set("environment", options.environment);
        request.environment = options.environment;
    }
    if (!options.intent.empty()) body.set("intent", options.intent);
    if (!options.expires_in.empty()) body.set("expires_in", options.expires_in);
    if (!parameters->is_null()) {
        body.set("parameters", *parameters);
        request.parameters = std::move(*parameters);
    }
    auto added = add_lists(body, options);
    if (!added) return pass(added);
    auto digest = core::digest_of(request);
    return Ask{.body = std::move(body),
               .digest = std::move(digest),
               .request = std::move(request),
               .sensitive = options.sensitive};
}

Result<std::string> digest_as_filed(const Ask& ask, const core::Value& reply) {
    if (ask.sensitive.empty()) return ask.digest;
    auto salt = unbase64(reply["salt"].text());
    if (!salt || salt->size() < salt_bytes_min)
        return fail(Trouble::invalid_input,
                    "the server's answer has no salt for the hidden values; check COUNTERSIGN_URL");
    core::Request filed = ask.request;
    auto hidden = core::hide(filed, ask.sensitive, *salt);
    if (!hidden) return pass(hidden);
    return filed.digest;
}

}  // namespace countersign::cli
