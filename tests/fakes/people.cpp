#include "fakes/people.hpp"

#include <algorithm>

namespace countersign::fakes {
namespace {

std::unexpected<Failure> away() {
    return fail(Trouble::unavailable, "the database cannot be reached");
}
std::unexpected<Failure> wrong_code() {
    return fail(Trouble::not_found, "this code is wrong, used, or older than 10 minutes", "wrong_code");
}

}  // namespace

app::MemberAccount* People::linked(const core::AccountId& account) {
    auto found = std::ranges::find_if(
        news_.accounts, [&](const auto& one) { return one.account == account && !one.unlinked_at; });
    return found == news_.accounts.end() ? nullptr : &*found;
}

Later<std::optional<app::PeopleNews>> People::read(std::optional<std::int64_t> known, Deadline) {
    if (!reachable) co_return away();
    if (known == news_.version) co_return std::optional<app::PeopleNews>{};
    co_return std::optional{news_};
}

Result<app::Linked> People::link_now(const app::LinkAct& act) {
    auto* one = linked(act.one);
    auto* other = linked(act.other);
    if (one && other && one->person == other->person) return app::Linked{one->person, false};
    if (one && other && !act.merge)
        return fail(Trouble::conflict, "both accounts belong to persons already", "two_persons");
    auto person = one ? one->person : other ? other->person : act.fresh;
    if (one && other) {
        person = std::min(one->person, other->person);
        const auto gone = std::max(one->person, other->person);
        for (auto& account : news_.accounts)
            if (account.person == gone) account.person = person;
    }
    const bool add_one = one == nullptr;
    const bool add_other = other == nullptr;
    if (add_one) news_.accounts.push_back({act.one, person, act.way, act.event.at, {}});
    if (add_other) news_.accounts.push_back({act.other, person, act.way, act.event.at, {}});
    ++news_.version;
    events.emplace_back(name_of(act.event.act));
    return app::Linked{person, true};
}

Later<app::Linked> People::link(app::LinkAct act, Deadline) {
    if (!reachable) co_return away();
    co_return link_now(act);
}

Later<app::StoredPersonId> People::unlink(app::UnlinkAct act, Deadline) {
    if (!reachable) co_return away();
    auto* account = linked(act.account);
    if (!account) co_return fail(Trouble::not_found, "this account is linked to nobody");
    account->unlinked_at = std::max(account->linked_at, act.event.at);
    ++news_.version;
    events.emplace_back(name_of(act.event.act));
    co_return account->person;
}

Later<Done> People::set_absence(core::Absence absence, core::Instant now, Deadline) {
    if (!reachable) co_return away();
    std::erase_if(news_.absences,
                  [&](const auto& one) { return one.account == absence.account || one.until <= now; });
    if (absence.until > now) news_.absences.push_back(std::move(absence));
    std::ranges::sort(news_.absences, {}, &core::Absence::account);
    ++news_.version;
    co_return Done{};
}

Later<Done> People::ask(Asked asked, Deadline) {
    if (!reachable) co_return away();
    for (Code& code : codes_) {
        if (code.expires_at <= asked.now) code.over = true;
        if (!code.over && !code.given && code.offer.asker == asked.asker) code.over = true;
    }
    if (std::ranges::any_of(codes_,
                            [&](const Code& code) { return !code.over && code.selector == asked.selector; }))
        co_return fail(Trouble::conflict, "this selector is taken", "selector_taken");
    codes_.push_back({.offer = {.id = asked.id, .asker = asked.asker, .giver = core::AccountId{""}},
                      .selector = asked.selector,
                      .hash = asked.hash,
                      .expires_at = asked.now + app::link_code_life});
    co_return Done{};
}

void People::wrong(const core::AccountId& account, core::Instant now) {
    Tries& tries = tries_[account];
    if (tries.wrong == 0 || tries.since <= now - app::link_code_life) tries = {now, 0};
    ++tries.wrong;
}

Later<app::LinkOffer> People::give(Given given, Deadline) {
    if (!reachable) co_return away();
    const Tries tries = tries_[given.giver];
    if (tries.since > given.now - app::link_code_life && tries.wrong >= app::link_tries_max)
        co_return fail(Trouble::overloaded, "too many wrong codes", "too_many_tries");
    auto code = std::ranges::find_if(codes_, [&](const Code& one) {
        return !one.over && one.selector == given.code.selector && one.expires_at > given.now;
    });
    const bool right =
        code != codes_.end() && code->hash == link_code_hash(code->offer.id, given.code.secret);
    const bool used = right && code->given && code->offer.giver != given.giver;
    if (!right || used) {
        if (code != codes_.end() && !right && ++code->tries >= app::link_tries_max) code->over = true;
        wrong(given.giver, given.now);
        co_return wrong_code();
    }
    if (code->offer.asker == given.giver)
        co_return fail(Trouble::invalid_input, "this account asked for the code", "own_code");
    if (!code->given) code->expires_at = given.now + app::link_code_life;
    code->given = true;
    code->offer.giver = given.giver;
    co_return code->offer;
}

Later<app::LinkOffer> People::answer(Answer answer, Deadline) {
    if (!reachable) co_return away();
    auto code = std::ranges::find_if(codes_, [&](const Code& one) {
        return one.offer.id == answer.offer && one.given && one.expires_at > answer.event.at;
    });
    if (code == codes_.end()) co_return fail(Trouble::not_found, "this offer has run out");
    app::LinkOffer& offer = code->offer;
    const bool asks = answer.account == offer.asker;
    if (!asks && answer.account != offer.giver)
        co_return fail(Trouble::forbidden, "this account has no part in the offer");
    if (offer.state != app::LinkOffer::State::waiting) co_return offer;
    (asks ? offer.asker_agreed : offer.giver_agreed) = answer.agrees;
    if (!answer.agrees) offer.state = app::LinkOffer::State::declined;
    if (offer.asker_agreed && offer.giver_agreed) {
        auto linked =
            link_now({offer.asker, offer.giver, app::LinkWay::code, true, answer.fresh, answer.event});
        if (!linked) co_return pass(linked);
        offer.state = app::LinkOffer::State::linked;
    }
    code->over = offer.state != app::LinkOffer::State::waiting;
    co_return offer;
}

}  // namespace countersign::fakes
