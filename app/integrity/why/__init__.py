"""Why a paper holds its questions: the draw done again from what is stored."""
