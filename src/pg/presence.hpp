#pragma once
#include <map>
#include <string>
#include <vector>

namespace countersign::pg {

// Which holders of leases have been without their lock for so long that they are taken for dead. A process
// that lives may be without it for a moment: when the database restarts, or its own look-out connects anew.
class AbsentHolders {
  public:
    static constexpr int looks_max = 4;  // in a row, one a second

    // `without`: the holders that had no lock at this look. Answers with those that are to lose their leases.
    std::vector<std::string> look(const std::vector<std::string>& without) {
        std::map<std::string, int> counted;
        std::vector<std::string> gone;
        for (const std::string& holder : without) {
            int looks = looks_.contains(holder) ? looks_[holder] + 1 : 1;
            if (looks >= looks_max)
                gone.push_back(holder);
            else
                counted.emplace(holder, looks);
        }
        looks_ = std::move(counted);
        return gone;
    }
    // What was seen before the connection broke says nothing: the others have to connect anew as well.
    void forget() { looks_.clear(); }

  private:
    std::map<std::string, int> looks_;
};

}  // namespace countersign::pg
