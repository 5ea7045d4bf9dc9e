#include <fmt/core.h>

#include "countersign/base/text.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

using core::Requirement;

std::optional<Requirement> one_group(Reader& reader, const Node& node, Names& names) {
    if (!reader.is_map_of(node, "`require`", {"count", "of"})) return std::nullopt;
    const Node* of = Reader::find(node, "of");
    const Node* count = Reader::find(node, "count");
    if (!of) {
        reader.error(node, "`require` needs a group: { count: 1, of: reviewers }");
        return std::nullopt;
    }
    auto group = reader.text(*of, "`of`");
    std::optional<std::uint32_t> number = 1;
    if (count) number = reader.count(*count);
    if (!group || !number) return std::nullopt;
    if (!names.groups.contains(*group)) {
        std::vector<std::string> known;
        for (const auto& [name, index] : names.groups) known.push_back(name);
        reader.error(*of,
                     fmt::format("there is no group `{}`{}", visible(*group), Reader::hint(*group, known)));
        return std::nullopt;
    }
    names.groups_used.insert(*group);
    return Requirement{core::CountOf{*number, core::GroupId{*group}}};
}

}  // namespace

std::optional<Requirement> read_requirement(Reader& reader, const Node& node, Names& names) {
    const Node* all = Reader::find(node, "all");
    const Node* any = Reader::find(node, "any");
    if (!all && !any) return one_group(reader, node, names);
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
