#include <fmt/core.h>

#include "countersign/base/text.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {

using core::Requirement;

namespace {

// What was perhaps meant by "2 of security", or an example.
std::string count_example(const Node& node) {
    const auto words = split(trim(node.text), ' ');
    const bool of = words.size() == 3 && words[1] == "of" &&
                    words[0].find_first_not_of("0123456789") == std::string::npos;
    return fmt::format("{{ count: {}, of: {} }}", of ? words[0] : "1", of ? visible(words[2]) : "reviewers");
}

}  // namespace

std::vector<std::string> names_in(const std::map<std::string, std::size_t>& index) {
    std::vector<std::string> names;
    for (const auto& [name, at] : index) names.push_back(name);
    return names;
}

std::optional<core::PersonId> read_person_name(Reader& reader, const Node& node, const Names& names,
                                               std::string_view what) {
    auto person = reader.text(node, what);
    if (!person || names.people.contains(*person))
        return person ? std::optional{core::PersonId{std::move(*person)}} : std::nullopt;
    reader.error(node, fmt::format("there is no person `{}`{}", visible(*person),
                                   Reader::hint(*person, names_in(names.people))));
    return std::nullopt;
}

std::optional<core::GroupId> read_group_name(Reader& reader, const Node& node, Names& names,
                                             std::string_view what) {
    auto group = reader.text(node, what);
    if (!group) return std::nullopt;
    if (!names.groups.contains(*group)) {
        reader.error(node, fmt::format("there is no group `{}`{}", visible(*group),
                                       Reader::hint(*group, names_in(names.groups))));
        return std::nullopt;
    }
    names.groups_used.insert(*group);
    return core::GroupId{std::move(*group)};
}

std::optional<core::CountOf> read_count_of(Reader& reader, const Node& node, Names& names,
                                           std::string_view what) {
    if (!reader.is_map_of(node, what, count_keys.keys)) return std::nullopt;
    const Node* of = Reader::find(node, "of");
    const Node* count = Reader::find(node, "count");
    if (!of) {
        reader.error(node, fmt::format("{} needs a group: {{ count: 1, of: reviewers }}", what));
        return std::nullopt;
    }
    auto group = read_group_name(reader, *of, names, "`of`");
    std::optional<std::uint32_t> number = 1;
    if (count) number = reader.count(*count);
    if (!group || !number) return std::nullopt;
    return core::CountOf{*number, std::move(*group)};
}

std::optional<Requirement> read_requirement(Reader& reader, const Node& node, Names& names) {
    if (node.kind != Node::Kind::map) {
        reader.error(node, fmt::format("`require` is a map: {}", count_example(node)));
        return std::nullopt;
    }
    const Node* all = Reader::find(node, "all");
    const Node* any = Reader::find(node, "any");
    if (!all && !any) {
        auto one = read_count_of(reader, node, names, "`require`");
        if (!one) return std::nullopt;
        return Requirement{std::move(*one)};
    }
    if (!reader.is_map_of(node, "`require`", {all ? "all" : "any"})) return std::nullopt;
    const Node& list = all ? *all : *any;
    if (list.kind != Node::Kind::list || list.items.empty()) {
        reader.error(list, "`all` and `any` take a list of at least one requirement");
        return std::nullopt;
    }
    std::vector<Requirement> of;
    for (const Node& item : list.items) {
        auto one = read_requirement(reader, item, names);
        if (one) of.push_back(std::move(*one));
    }
    if (of.size() != list.items.size()) return std::nullopt;
    if (all) return Requirement{core::RequireAll{std::move(of)}};
    return Requirement{core::RequireAny{std::move(of)}};
}

}  // namespace countersign::policy
