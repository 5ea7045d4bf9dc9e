#pragma once
#include <string_view>
#include <vector>

#include "countersign/core/card.hpp"

namespace countersign::core {

// Names people for one surface: the account there that a mention can use, and a name for everybody else.
class Naming {
  public:
    Naming(const Directory& directory, Surface surface) : directory_(directory), surface_(name_of(surface)) {}

    Who person(const PersonId& id) const { return named(id, directory_.accounts_of(id)); }
    // Somebody who acted: their own account is the one to mention, where it is of this surface.
    Who account(const AccountId& id) const;
    // Whoever acted through the API: the requester is known by its name rather than by its token.
    Who actor(const Case& c, const AccountId& by) const;

  private:
    Who named(const PersonId& id, const std::vector<AccountId>& accounts) const;

    const Directory& directory_;
    std::string_view surface_;
};

}  // namespace countersign::core
