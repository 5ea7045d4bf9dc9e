#pragma once
#include <gtest/gtest.h>

#include <string>

#include "contract/world.hpp"

namespace countersign::contract {

// Requests that are voted on in a database of the test's own.
struct VotesOnPostgres : testing::Test {
    OnPostgres on;

    core::RequestId pending() {
        return on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    }
    Result<app::Appended> vote(core::RequestId id, const std::string& user) {
        return on.get(on.cases().append(on.vote(id, user), on.soon()));
    }
};

}  // namespace countersign::contract
