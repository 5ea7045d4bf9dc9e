#include "core/requirements.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/lists.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/groups.hpp"

namespace countersign::core {
namespace {

constexpr std::size_t interim_alternatives_max = 512;

}  // namespace

std::unexpected<Failure> too_many_alternatives() {
    return fail(Trouble::invalid_input,
                fmt::format("the matching rules combine to more than {} alternatives; simplify their `any`",
                            alternatives_max),
                "policy_alternatives");
}

namespace {

Alternatives pruned(Alternatives all) {
    auto covers = [&](std::size_t more, std::size_t less) {
        return core::covers(all[more], all[less], SlotOrder::ignored);
    };
    Alternatives kept;
    for (std::size_t i = 0; i < all.size(); ++i) {
        bool needless = false;
        for (std::size_t j = 0; !needless && j < all.size(); ++j)
            needless = i != j && covers(i, j) && (j < i || !covers(j, i));
        if (!needless) kept.push_back(all[i]);
    }
    return kept;
}

Slots merged(const Slots& a, const Slots& b, Together together) {
    Slots both = a;
    for (const CountOf& one : b.groups) {
        auto same = std::ranges::find(both.groups, one.of, &CountOf::of);
        if (same == both.groups.end()) {
            both.groups.push_back(one);
            continue;
        }
        same->count = together == Together::add ? same->count + one.count : std::max(same->count, one.count);
        same->not_last = std::max(same->not_last, one.not_last);
        for (const GroupId& group : one.after)
            if (group != same->of) add_once(same->after, group);
    }
    return both;
}

std::size_t people(const Slots& slots) {
    std::size_t total = 0;
    for (const CountOf& one : slots.groups) total += one.count;
    return total;
}

}  // namespace

Result<Alternatives> product(const Alternatives& a, const Alternatives& b, Together together) {
    if (a.size() * b.size() > interim_alternatives_max) return too_many_alternatives();
    Alternatives both;
    for (const Slots& x : a) {
        for (const Slots& y : b) {
            both.push_back(merged(x, y, together));
            if (people(both.back()) > slots_max) {
                return fail(Trouble::invalid_input,
                            fmt::format("the matching rules ask for more than {} people", slots_max),
                            "policy_slots");
            }
        }
    }
    return pruned(std::move(both));
}

namespace {

// Reads a requirement as alternatives. The loader bounds the depth.
class RequirementReading {
  public:
    explicit RequirementReading(Resolver* resolver) : resolver_(resolver) {}

    Result<Alternatives> of(const Requirement& requirement) {
        return std::visit(Overload{
                              [&](const CountOf& one) { return count(one); },
                              [&](const CountFor& one) { return count(one); },
                              [&](const RequireAll& all) { return all_of(all.of); },
                              [&](const RequireAny& any) { return any_of(any.of); },
                              [&](const RequireThen& then) { return one_after_the_other(then.of); },
                          },
                          requirement.node);
    }

  private:
    Result<Alternatives> count(const CountOf& one) {
        if (one.count > slots_max)
            return fail(Trouble::invalid_input, fmt::format("a rule asks for more than {} people", slots_max),
                        "policy_slots");
        return Alternatives{Slots{{one}}};
    }
    Result<Alternatives> count(const CountFor& one) {
        return any_of(resolver_ ? resolver_->resolved(one) : unresolved(one));
    }
    Result<Alternatives> all_of(const std::vector<Requirement>& parts) {
        Alternatives sum{Slots{}};
        for (const Requirement& one : parts) {
            auto more = of(one);
            if (!more) return more;
            auto both = product(sum, *more, Together::add);
            if (!both) return both;
            sum = std::move(*both);
        }
        return sum;
    }
    Result<Alternatives> any_of(const std::vector<Requirement>& parts) {
        Alternatives union_of;
        for (const Requirement& one : parts) {
            auto more = of(one);
            if (!more) return more;
            union_of.insert(union_of.end(), more->begin(), more->end());
            if (union_of.size() > interim_alternatives_max) return too_many_alternatives();
        }
        return pruned(std::move(union_of));
    }
    Result<Alternatives> one_after_the_other(const std::vector<Requirement>& steps) {
        Alternatives so_far{Slots{}};
        for (const Requirement& one : steps) {
            auto more = of(one);
            if (!more) return more;
            Alternatives next;
            for (const Slots& before : so_far) {
                Alternatives then = *more;
                for (Slots& slots : then)
                    for (CountOf& slot : slots.groups) put_after(slot, before);
                auto both = product({before}, then, Together::add);
                if (!both) return both;
                next.insert(next.end(), both->begin(), both->end());
                if (next.size() > interim_alternatives_max) return too_many_alternatives();
            }
            so_far = pruned(std::move(next));
        }
        return so_far;
    }
    static void put_after(CountOf& slot, const Slots& before) {
        for (const CountOf& one : before.groups)
            if (one.of != slot.of) add_once(slot.after, one.of);
    }
    // Whatever it may come to, where there is no request to decide it.
    static std::vector<Requirement> unresolved(const CountFor& one) {
        std::vector<Requirement> all;
        for (const auto& [person, target] : one.of_requester)
            all.push_back({CountOf{one.count, target, {}, one.not_last}});
        if (one.managers)
            all.push_back({CountOf{one.count, managers_of(PersonId{"the requester"}), {}, one.not_last}});
        for (const GroupId& group : one.one_of) all.push_back({CountOf{one.count, group, {}, one.not_last}});
        if (all.empty()) all.push_back({CountOf{one.count, GroupId{one.of}, {}, one.not_last}});
        return all;
    }

    Resolver* resolver_;
};

}  // namespace

Result<Alternatives> alternatives(const Requirement& requirement, Resolver* resolver) {
    return RequirementReading{resolver}.of(requirement);
}

void put_in_order(Slots& slots) {
    std::vector<CountOf> ordered;
    auto& left = slots.groups;
    auto waits = [&](const CountOf& one) {
        return std::ranges::any_of(one.after, [&](const GroupId& before) {
            return std::ranges::find(left, before, &CountOf::of) != left.end();
        });
    };
    while (!left.empty()) {
        auto next = std::ranges::find_if_not(left, waits);
        if (next == left.end()) next = left.begin();
        ordered.push_back(std::move(*next));
        left.erase(next);
    }
    slots.groups = std::move(ordered);
}

// ---- what a request makes of a slot

namespace {

// The one text that a field holds; nullopt: none, several, or something else.
std::optional<std::string> text_in(const Facts& facts, std::string_view field) {
    std::vector<std::optional<Value>> found;
    Judge{facts}.each_value(field, [&](std::optional<Value> value) { found.push_back(std::move(value)); });
    if (found.size() != 1 || !found.front() || !found.front()->string()) return std::nullopt;
    return *found.front()->string();
}

}  // namespace

std::optional<GroupId> Resolver::filled(std::string_view pattern) {
    std::string text;
    while (!pattern.empty()) {
        const auto open = pattern.find('{');
        text += pattern.substr(0, open);
        if (open == std::string_view::npos) break;
        const auto close = pattern.find('}', open);
        if (close == std::string_view::npos) return std::nullopt;
        const auto field = pattern.substr(open + 1, close - open - 1);
        const auto value = text_in(facts_, field);
        if (!value) {
            problems_.push_back(fmt::format("{} does not say whom to ask", field));
            return std::nullopt;
        }
        text += *value;
        pattern.remove_prefix(close + 1);
    }
    return GroupId{std::move(text)};
}

std::vector<Requirement> Resolver::resolved(const CountFor& one) {
    std::vector<GroupId> asked;
    if (one.of.empty()) {
        asked = for_requesters(one);
    } else if (auto group = filled(one.of)) {
        if (one.one_of.empty() || contains(one.one_of, *group))
            asked.push_back(std::move(*group));
        else
            problems_.push_back(
                fmt::format("`{}` is no group that may be asked here", visible(group->text())));
    }
    if (asked.empty()) return {};
    RequireAll all;
    for (const GroupId& group : asked) {
        auto without = kept_out(one, group);
        if (!without) return {};
        all.of.push_back({CountOf{
            one.count, without->empty() ? group : without_groups(group, *without), {}, one.not_last}});
    }
    std::vector<Requirement> only;
    only.push_back({std::move(all)});
    return only;
}

std::vector<GroupId> Resolver::for_requesters(const CountFor& one) {
    std::vector<GroupId> asked;
    for (const std::string& person : facts_.people(false)) {
        if (one.managers) {
            add_once(asked, managers_of(PersonId{person}));
            continue;
        }
        auto row =
            std::ranges::find(one.of_requester, PersonId{person}, &std::pair<PersonId, GroupId>::first);
        if (row == one.of_requester.end()) {
            problems_.push_back(fmt::format("nobody is named whom to ask for {}", visible(person)));
            return {};
        }
        add_once(asked, row->second);
    }
    if (asked.empty()) problems_.emplace_back("nobody is behind this request whose approver could be asked");
    return asked;
}

// nullopt: it is not known whom to keep out.
std::optional<std::vector<GroupId>> Resolver::kept_out(const CountFor& one, const GroupId& asked) {
    std::vector<GroupId> all;
    for (const std::string& pattern : one.not_from) {
        if (pattern == requesters_groups) {
            for (const GroupId& group : facts_.groups_of_humans())
                if (group != asked && !facts_.is_part(asked, group)) add_once(all, group);
            continue;
        }
        auto group = filled(pattern);
        if (!group) return std::nullopt;
        if (!facts_.is_group(*group)) {
            problems_.push_back(fmt::format("there is no group `{}`", visible(group->text())));
            return std::nullopt;
        }
        add_once(all, *group);
    }
    return all;
}

}  // namespace countersign::core
