#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"
#include "policy/logic.hpp"

namespace countersign::policy {

// Requests made of the values that the conditions of some policies name: for every way in which a rule may
// match, one that meets it, and the same with each other field set to each value that matters.
class Samples {
  public:
    // The policies must outlive this.
    explicit Samples(std::vector<const core::Policy*> policies);
    std::vector<core::Request> make() const;

  private:
    using Said = std::map<std::string, core::Value>;  // by field

    void learn_ways(core::Condition condition);
    void learn(const core::Condition& condition);
    void learn(const core::Test& test);
    void learn_needs(const core::Rule& rule);
    void learn_needs(const core::Requirement& requirement);
    void need(const std::string& field, core::Value value);
    void add(const std::string& field, core::Value value);
    bool meets(const Way& way, const std::string& field, const core::Value& value) const;
    Said meeting(const Way& way) const;
    Said complete(const Way& way, Said said) const;
    core::Request request_of(const Said& said) const;
    void say(core::Request& request, const std::string& field, const core::Value& value) const;
    void say_of_requester(core::Request& request, std::string_view field, const core::Value& value) const;

    std::vector<const core::Policy*> policies_;
    std::vector<Way> ways_;
    std::vector<std::unique_ptr<core::Condition>> conditions_;  // that the ways refer to
    std::map<std::string, std::vector<core::Value>> values_;    // by field: those that matter
    Said needs_;  // what rules refuse a request for not saying, beside their conditions
};

}  // namespace countersign::policy
