envsync status
ln -sfn python3.13 ~/.local/python         # Python is upgraded
.venv/bin/flask --version 2>&1 | tail -1
envsync apply --yes                        # and kill -9 in the middle of it
ln -sfn python3.12 ~/.local/python         # back again: the old environment is complete
.venv/bin/flask --version
ln -sfn python3.13 ~/.local/python         # on to the new one
envsync apply --yes
envsync status
