#include "countersign/wire/request.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "countersign/base/lookalike.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/core/hidden.hpp"
#include "wire/reader.hpp"

namespace countersign::wire {
namespace {

using core::Value;

constexpr std::size_t link_title_chars_max = 200;
constexpr std::size_t label_name_chars_max = 100;

// Finds a member named "$commit", which is reserved for committed values, and returns a pointer to it.
std::optional<std::string> reserved_name(const Value& root) {
    std::vector<std::pair<const Value*, std::string>> open{{&root, "/parameters"}};
    while (!open.empty()) {
        auto [value, pointer] = std::move(open.back());
        open.pop_back();
        if (const auto* members = value->members()) {
            for (const auto& [name, member] : *members) {
                if (name == core::commit_member) return pointer + "/" + name;
                if (member.members() != nullptr || member.items() != nullptr)
                    open.emplace_back(&member, pointer + "/" + core::pointer_token(name));
            }
        } else if (const auto* items = value->items()) {
            for (std::size_t i = 0; i < items->size(); ++i)
                if ((*items)[i].members() != nullptr || (*items)[i].items() != nullptr)
                    open.emplace_back(&(*items)[i], pointer + "/" + std::to_string(i));
        }
    }
    return std::nullopt;
}

Result<std::optional<Value>> parameters_of(const ObjectReader& reader) {
    const Value* value = reader.find("parameters");
    if (value == nullptr) return std::nullopt;
    if (value->members() == nullptr) return wrong_type("/parameters", "an object", *value);
    if (auto pointer = reserved_name(*value))
        return fail(Trouble::invalid_input, "no member may be named \"$commit\": the name is reserved",
                    "reserved_name", *pointer);
    if (core::canonical(*value).size() > core::parameters_bytes_max)
        return fail(Trouble::too_large,
                    "parameters may take 256 KiB at most: pass a digest or a reference instead",
                    "parameters_too_large", "/parameters");
    return *value;
}

// A text that rules compare and people read: what they cannot see must not tell two of them apart.
std::unexpected<Failure> unclear(const std::string& pointer, std::string detail) {
    return fail(Trouble::invalid_input, std::move(detail) + ", which readers cannot see; leave it out",
                "invisible_character", pointer);
}

Result<std::vector<std::pair<std::string, std::string>>> labels_of(const ObjectReader& reader) {
    std::vector<std::pair<std::string, std::string>> labels;
    const Value* value = reader.find("labels");
    if (value == nullptr) return labels;
    const auto* members = value->members();
    if (members == nullptr) return wrong_type("/labels", "an object", *value);
    if (members->size() > core::labels_max)
        return fail(Trouble::invalid_input, "more than " + std::to_string(core::labels_max) + " labels",
                    "too_long", "/labels");
    for (const auto& [name, label] : *members) {
        auto pointer = "/labels/" + core::pointer_token(name);
        if (label.string() == nullptr) return wrong_type(pointer, "a string", label);
        if (auto found = overlooked(name)) return unclear(pointer, "the label's name has " + *found);
        if (auto found = overlooked(*label.string())) return unclear(pointer, "the label has " + *found);
        if (name.empty()) return invalid(pointer, "a label needs a name");
        bool long_name = code_points(name) > label_name_chars_max;
        if (long_name || code_points(*label.string()) > core::label_chars_max)
            return fail(Trouble::invalid_input,
                        "longer than " +
                            std::to_string(long_name ? label_name_chars_max : core::label_chars_max) +
                            " characters",
                        "too_long", pointer);
        labels.emplace_back(name, *label.string());
    }
    return labels;
}

bool plain_url(std::string_view url) {
    std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
    if (scheme == 0 || url.size() <= scheme) return false;
    return std::ranges::none_of(url, [](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7F;
    });
}

Result<std::vector<core::Link>> links_of(const ObjectReader& reader) {
    auto items = reader.list("links", core::links_max);
    if (!items) return pass(items);
    std::vector<core::Link> links;
    constexpr std::array<std::string_view, 2> known{"title", "url"};
    for (const Value& item : *items) {
        auto link = ObjectReader::over(item, "/links/" + std::to_string(links.size()), known);
        if (!link) return pass(link);
        auto title = link->text("title", link_title_chars_max);
        if (!title) return pass(title);
        auto url = link->needed_text("url", url_chars_max);
        if (!url) return pass(url);
        if (!plain_url(*url)) return invalid(link->pointer("url"), "must be an absolute http or https URL");
        links.push_back({title->value_or(*url), std::move(*url)});
    }
    return links;
}

// As they were written: who is meant is looked up where the policy is known.
Result<std::vector<core::AccountId>> people_of(const ObjectReader& reader) {
    auto names = texts(reader, "on_behalf_of", core::on_behalf_of_max, core::account_chars_max);
    if (!names) return pass(names);
    std::vector<core::AccountId> people;
    for (auto& name : *names) people.emplace_back(std::move(name));
    return people;
}

Result<std::optional<std::string>> resource_of(const ObjectReader& reader) {
    auto resource = reader.text("resource", core::resource_chars_max);
    if (!resource || !*resource) return resource;
    if ((*resource)->empty()) return invalid("/resource", "must not be empty; leave the member out instead");
    if (auto found = overlooked(**resource)) return unclear("/resource", "the resource has " + *found);
    return resource;
}

Result<std::optional<std::string>> environment_of(const ObjectReader& reader) {
    auto environment = reader.text("environment", core::environment_chars_max);
    if (!environment || !*environment || core::valid_environment(**environment)) return environment;
    std::string meant = lower_ascii(trim(latinized(**environment)));
    return invalid(
        "/environment",
        "must be 1 to 128 lower-case letters, digits and . _ : / - and start with a letter or digit" +
            (core::valid_environment(meant) ? "; did you mean \"" + meant + "\"?" : ""));
}

// What a request is about, except its action.
Result<Done> describe(const ObjectReader& reader, app::Ask& ask) {
    auto resource = resource_of(reader);
    if (!resource) return pass(resource);
    auto environment = environment_of(reader);
    if (!environment) return pass(environment);
    auto intent = reader.text("intent", core::intent_chars_max);
    if (!intent) return pass(intent);
    auto parameters = parameters_of(reader);
    if (!parameters) return pass(parameters);
    ask.resource = std::move(*resource);
    ask.environment = std::move(*environment);
    ask.intent = std::move(*intent).value_or("");
    ask.parameters = std::move(*parameters);
    return Done{};
}

constexpr std::array<std::string_view, 11> ask_members{"action",     "resource",     "environment", "intent",
                                                       "parameters", "on_behalf_of", "labels",      "links",
                                                       "sensitive",  "expires_in",   "callback"};

Result<std::string> digest_of(const ObjectReader& reader) {
    auto digest = reader.needed_text("digest", 100);
    if (!digest) return pass(digest);
    auto hex_part = std::string_view(*digest);
    bool prefixed = hex_part.starts_with("sha256:");
    if (prefixed) hex_part.remove_prefix(7);
    bool is_hex = hex_part.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!prefixed || hex_part.size() != 64 || !is_hex)
        return invalid("/digest", "must be \"sha256:\" and 64 lower-case hex digits");
    return digest;
}

}  // namespace

Result<app::Ask> ask_from(const Value& body) {
    auto reader = ObjectReader::over(body, "", ask_members);
    if (!reader) return pass(reader);
    app::Ask ask;
    auto action = reader->needed_text("action", core::action_chars_max);
    if (!action) return pass(action);
    if (!core::valid_action(*action))
        return invalid(
            "/action",
            "must be 1 to 128 lower-case letters, digits and . _ : - and start with a letter or digit");
    ask.action = std::move(*action);
    auto described = describe(*reader, ask);
    if (!described) return pass(described);

    auto people = people_of(*reader);
    if (!people) return pass(people);
    auto labels = labels_of(*reader);
    if (!labels) return pass(labels);
    auto links = links_of(*reader);
    if (!links) return pass(links);
    auto sensitive = texts(*reader, "sensitive", core::hidden_max, core::resource_chars_max);
    if (!sensitive) return pass(sensitive);
    ask.on_behalf_of = std::move(*people);
    ask.labels = std::move(*labels);
    ask.links = std::move(*links);
    ask.sensitive = std::move(*sensitive);

    auto expires_in = reader->text("expires_in", 40);
    if (!expires_in) return pass(expires_in);
    if (*expires_in) {
        auto seconds = parse_duration_s(**expires_in);
        if (!seconds) return invalid("/expires_in", "must be a duration such as 30m, 90s, 1h30m or 2d");
        ask.expires_in = std::chrono::seconds{*seconds};
    }
    if (const Value* callback = reader->find("callback")) {
        constexpr std::array<std::string_view, 1> callback_members{"url"};
        auto inside = ObjectReader::over(*callback, "/callback", callback_members);
        if (!inside) return pass(inside);
        auto url = inside->needed_text("url", url_chars_max);
        if (!url) return pass(url);
        ask.callback = std::move(*url);
    }
    return ask;
}

Result<VoteBody> vote_from(const Value& body) {
    constexpr std::array<std::string_view, 5> known{"verdict", "reason", "digest", "resource", "lower"};
    auto reader = ObjectReader::over(body, "", known);
    if (!reader) return pass(reader);
    auto word = reader->needed_text("verdict", 20);
    if (!word) return pass(word);
    auto verdict = core::parse_verdict(*word);
    if (!verdict) return invalid("/verdict", "must be one of " + join(core::verdict_names(), ", "));
    auto reason = reader->text("reason", core::reason_chars_max);
    if (!reason) return pass(reason);
    auto digest = digest_of(*reader);
    if (!digest) return pass(digest);
    auto resource = reader->text("resource", core::resource_chars_max);
    if (!resource) return pass(resource);
    VoteBody vote{*verdict, std::move(*reason).value_or(""), std::move(*digest),
                  std::move(*resource).value_or("")};
    const Value* lower = reader->find("lower");
    if ((lower != nullptr) != (vote.verdict == core::Verdict::lower))
        return invalid("/lower",
                       "goes with the verdict `lower`, and with no other: {\"parameters.rows\": 1000}");
    if (lower == nullptr) return vote;
    if (!lower->members() || lower->members()->empty() || lower->members()->size() > core::lowerable_max)
        return invalid("/lower",
                       fmt::format("must be an object of 1 to {} parameters and the numbers they are to "
                                   "have: {{\"parameters.rows\": 1000}}",
                                   core::lowerable_max));
    for (const auto& [field, value] : *lower->members()) {
        if (!value.number()) return invalid("/lower/" + core::pointer_token(field), "must be a number");
        vote.lower.push_back({field, *value.number()});
    }
    return vote;
}

Result<CancelBody> cancel_from(const Value& body) {
    constexpr std::array<std::string_view, 1> known{"reason"};
    auto reader = ObjectReader::over(body, "", known);
    if (!reader) return pass(reader);
    auto reason = reader->text("reason", core::reason_chars_max);
    if (!reason) return pass(reason);
    return CancelBody{std::move(*reason).value_or("")};
}

Result<ClaimBody> claim_from(const Value& body) {
    constexpr std::array<std::string_view, 1> known{"digest"};
    auto reader = ObjectReader::over(body, "", known);
    if (!reader) return pass(reader);
    auto digest = digest_of(*reader);
    if (!digest) return pass(digest);
    return ClaimBody{std::move(*digest)};
}

Result<OutcomeBody> outcome_from(const Value& body) {
    constexpr std::array<std::string_view, 2> known{"status", "detail"};
    auto reader = ObjectReader::over(body, "", known);
    if (!reader) return pass(reader);
    auto status = reader->needed_text("status", 20);
    if (!status) return pass(status);
    if (*status != "succeeded" && *status != "failed")
        return invalid("/status", "must be \"succeeded\" or \"failed\"");
    auto detail = reader->text("detail", core::reason_chars_max);
    if (!detail) return pass(detail);
    return OutcomeBody{*status == "succeeded", std::move(*detail).value_or("")};
}

}  // namespace countersign::wire
