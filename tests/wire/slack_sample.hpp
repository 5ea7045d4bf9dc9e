#pragma once
#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_views.hpp"

// The card that tests of what Slack shows begin with.
namespace countersign::wire::card_sample {

using core::AccountId;
using core::CardView;
using core::Value;

inline const SlackStyle style{.team = "T0SIM", .link_hosts = {"ci.example.com"}};

inline core::Instant at(int hour, int minute) {
    return std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + std::chrono::hours{hour} +
           std::chrono::minutes{minute};
}

inline core::Who slack_person(const char* name, const char* id) {
    return {name, AccountId{std::string("slack:T0SIM/") + id}};
}

inline void ask(CardView& card, std::initializer_list<Value::Member> parameters) {
    card.parameters = std::make_shared<const Value>(Value::object(parameters));
}

inline CardView sample() {
    CardView card;
    card.id = *core::RequestId::parse("req_01JD0000000000000000000001");
    card.number = 1042;
    card.version = 1;
    card.action = "db.export";
    card.resource = "postgres://orders/users";
    card.environment = "production";
    card.intent = "Monthly churn analysis";
    card.requester = {"ci", std::nullopt};
    card.acts_for = {slack_person("riley", "U0RILEY")};
    ask(card,
        {{"destination", "s3://exports/x"}, {"rows", 120000}, {"where", Value::object({{"country", "AT"}})}});
    card.labels = {{"job", "nightly"}};
    card.links = {{"Run", "https://ci.example.com/run/7"}, {"Elsewhere", "https://evil.example/x"}};
    card.digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    card.rules = {"prod exports"};
    card.risk = 70;
    card.risk_parts = {{"production", 40}, {"rows", 30}};
    card.missing = {{{"security", 2, {slack_person("amy", "U0AMY"), slack_person("ben", "U0BEN")}},
                     {"dba", 1, {{"cat", std::nullopt}}}}};
    card.created_at = at(9, 50);
    card.expires_at = at(10, 30);
    return card;
}

inline SlackViewNote first_page(std::string message = {}) {
    return {.request = sample().id.text(),
            .channel = "C0APPROVALS",
            .message = std::move(message),
            .page = 1,
            .seen = 1,
            .pages = 1};
}

}  // namespace countersign::wire::card_sample
