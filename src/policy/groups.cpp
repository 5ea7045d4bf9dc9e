#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "countersign/base/text.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

std::vector<std::string> kinds_of_groups() {
    auto kinds = group_keys.keys;
    std::erase(kinds, "except");
    return kinds;
}

}  // namespace

namespace {

// An id of the on-call service, as its addresses have it: "PABC123".
std::optional<std::string> read_service_id(NodeReader& reader, const Node& node, std::string_view what) {
    constexpr std::size_t chars_max = 64;
    auto id = reader.text(node, what);
    if (!id) return std::nullopt;
    const bool plain =
        !id->empty() && id->size() <= chars_max &&
        id->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
            std::string::npos;
    if (plain) return id;
    reader.error(node, fmt::format("`{}` is not an id like PABC123, as the address of its page ends in",
                                   visible(*id)));
    return std::nullopt;
}

// An escalation policy by its id alone, or { escalation_policy: PABC123, level: 2 }, or { schedule: PXYZ789
// }.
std::optional<core::GroupRecord::OnCall> read_on_call(NodeReader& reader, const Node& node) {
    core::GroupRecord::OnCall made;
    if (node.kind != Node::Kind::map) {
        auto id = read_service_id(reader, node, "`on_call`");
        if (!id) return std::nullopt;
        made.escalation_policy = std::move(*id);
        return made;
    }
    if (!reader.is_map_of(node, "`on_call`", on_call_keys.keys)) return std::nullopt;
    const Node* policy = NodeReader::find(node, "escalation_policy");
    const Node* schedule = NodeReader::find(node, "schedule");
    const Node* level = NodeReader::find(node, "level");
    if ((policy != nullptr) == (schedule != nullptr)) {
        reader.error(node, "`on_call` has one of `escalation_policy` and `schedule`");
        return std::nullopt;
    }
    if (schedule && level) {
        reader.error(*level, "`level` is of an escalation policy, and a schedule has none");
        return std::nullopt;
    }
    auto id = policy ? read_service_id(reader, *policy, "`escalation_policy`")
                     : read_service_id(reader, *schedule, "`schedule`");
    if (!id) return std::nullopt;
    (policy ? made.escalation_policy : made.schedule) = std::move(*id);
    if (!level) return made;
    auto value = scalar_value(*level);
    auto whole = level->kind == Node::Kind::scalar && value ? value->integer() : std::nullopt;
    if (!whole || *whole < 1 || *whole > std::int64_t{core::on_call_level_max}) {
        reader.error(*level, fmt::format("`level` is a whole number from 1 to {}", core::on_call_level_max));
        return std::nullopt;
    }
    made.level = static_cast<std::uint32_t>(*whole);
    return made;
}

}  // namespace

core::GroupRecord::People GroupsReader::read_members(NodeReader& reader, const Node& list) {
    core::GroupRecord::People people;
    if (list.kind != Node::Kind::list || list.items.empty()) {
        reader.error(list, "`people` takes a list of at least one person");
        return people;
    }
    std::set<std::string> seen;
    for (const Node& item : list.items) {
        auto person = read_person_name(reader, item, names_, "a person's name");
        if (!person) continue;
        if (seen.insert(person->text()).second)
            people.people.push_back(std::move(*person));
        else
            reader.error(item, fmt::format("person `{}` is in this group twice", person->text()));
    }
    return people;
}

std::optional<core::GroupRecord> GroupsReader::read(NodeReader& reader, const Node& key, const Node& value) {
    core::GroupRecord group{core::GroupId{key.text}, {}};
    if (!reader.is_map_of(value, "a group", group_keys.keys)) return std::nullopt;
    const Node* except = NodeReader::find(value, "except");
    const Node* any = NodeReader::find(value, "any");
    const Node* all = NodeReader::find(value, "all");
    if (value.keys.size() != (except ? 2U : 1U)) {
        reader.error(key, fmt::format("a group has exactly one of `{}`", join(kinds_of_groups(), "`, `")));
        return std::nullopt;
    }
    if (except && !any && !all) {
        reader.error(key, "`except` takes people out of an `any` or `all`");
        return std::nullopt;
    }
    if (any || all) {
        group.members = core::GroupRecord::Combined{};
        pending_.push_back({reader, &value, policy_.groups.size()});
        return group;
    }
    const std::string& kind = value.keys.front().text;
    const Node& members = value.items.front();
    if (kind == "people") {
        group.members = read_members(reader, members);
        return group;
    }
    if (kind == "on_call") {
        auto on_call = read_on_call(reader, members);
        if (!on_call) return std::nullopt;
        group.members = std::move(*on_call);
        return group;
    }
    auto id = reader.text(members, fmt::format("`{}`", kind));
    if (!id) return std::nullopt;
    const auto chats = core::chat_kinds();
    const auto chat = std::ranges::find_if(chats, [&](const core::ChatKind& one) {
        return std::ranges::find(one.group_keys, kind) != one.group_keys.end();
    });
    if (!valid_group_id(*id, chat->group_characters)) {
        reader.error(members, fmt::format("`{}` is not an id like {}", visible(*id), chat->group_example));
        return std::nullopt;
    }
    group.members = core::GroupRecord::InChat{chat->surface, *id};
    return group;
}

// Groups and people, by name; a name that both have is nobody's.
std::vector<core::GroupRecord::Combined::Part> GroupsReader::read_parts(NodeReader& reader,
                                                                        const Node& list) {
    std::vector<core::GroupRecord::Combined::Part> parts;
    if (list.kind != Node::Kind::list || list.items.empty()) {
        reader.error(list, "a group is made of a list of groups and people, at least one");
        return parts;
    }
    std::set<std::string> seen;
    for (const Node& item : list.items) {
        auto name = reader.text(item, "a group or person");
        if (!name) continue;
        const bool group = names_.groups.contains(*name);
        const bool person = names_.people.contains(*name);
        if (!seen.insert(*name).second)
            reader.error(item, fmt::format("`{}` is in this group twice", visible(*name)));
        else if (group && person)
            reader.error(item, fmt::format("`{}` is a group and a person; call one of them otherwise",
                                           visible(*name)));
        else if (group)
            parts.emplace_back(core::GroupId{*name});
        else if (person)
            parts.emplace_back(core::PersonId{*name});
        else
            reader.error(item, fmt::format("there is no group or person `{}`{}", visible(*name),
                                           NodeReader::hint(*name, names_in(names_.groups))));
    }
    return parts;
}

// How deep a group goes and how many parts it comes to; too much of either where it is made of itself.
GroupsReader::Extent GroupsReader::extent_of(std::size_t group,
                                             std::vector<std::optional<Extent>>& known) const {
    if (known[group]) return *known[group];
    Extent extent{1, 1};
    // Whoever comes here again meanwhile is part of itself.
    known[group] = Extent{core::groups_nesting_max + 1, policy_group_parts_max + 1};
    auto look = [&](const core::GroupRecord::Combined::Part& part) {
        const auto* of = std::get_if<core::GroupId>(&part);
        const Extent its = of ? extent_of(names_.groups.at(of->text()), known) : Extent{0, 1};
        extent.depth = std::max(extent.depth, its.depth + 1);
        extent.parts = std::min(extent.parts + its.parts, policy_group_parts_max + 1);
    };
    if (const auto* combined = std::get_if<core::GroupRecord::Combined>(&policy_.groups[group].members)) {
        for (const auto& part : combined->of) look(part);
        for (const auto& part : combined->except) look(part);
    }
    known[group] = extent;
    return extent;
}

void GroupsReader::finish() {
    for (Pending& one : pending_) {
        auto& combined = std::get<core::GroupRecord::Combined>(policy_.groups[one.group].members);
        const Node* any = NodeReader::find(*one.value, "any");
        const Node* except = NodeReader::find(*one.value, "except");
        combined.how = any ? core::GroupRecord::Combined::How::any : core::GroupRecord::Combined::How::all;
        combined.of = read_parts(one.reader, any ? *any : *NodeReader::find(*one.value, "all"));
        if (except) combined.except = read_parts(one.reader, *except);
    }
    std::vector<std::optional<Extent>> known(policy_.groups.size());
    for (Pending& one : pending_) {
        const Extent extent = extent_of(one.group, known);
        if (extent.depth <= core::groups_nesting_max && extent.parts <= policy_group_parts_max) continue;
        one.reader.error(
            *one.value,
            fmt::format("group `{}` is made of itself, or of groups more than {} deep or {} in all",
                        policy_.groups[one.group].name.text(), core::groups_nesting_max,
                        policy_group_parts_max));
    }
}

}  // namespace countersign::policy
