"""The floor of a pass without work: ten bare system calls for each environment, in the plainest loop.

python -I floor.py Directory COUNT MINOR
"""

import os
import sys

directory, count, minor = sys.argv[1:]
for number in range(int(count)):
    project = f"{directory}/src/e{number}"
    environment = f"{project}/.venv"
    os.lstat(project)
    os.lstat(environment)
    os.lstat(f"{environment}/bin")
    os.lstat(f"{environment}/bin/activate")
    os.lstat(f"{environment}/lib/python{minor}")
    os.lstat(f"{environment}/lib/python{minor}/site-packages")
    os.readlink(f"{environment}/bin/python")
    os.readlink(f"{environment}/bin/python3")
    os.readlink(f"{environment}/bin/python{minor}")
    settings = os.open(f"{environment}/pyvenv.cfg", os.O_RDONLY)
    os.read(settings, 65536)
    os.close(settings)
