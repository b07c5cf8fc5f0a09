"""Flask extensions, not bound to any application yet."""

from __future__ import annotations

from flask_bootstrap import Bootstrap5
from flask_compress import Compress
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect

from app.db import Base

db = SQLAlchemy(model_class=Base, disable_autonaming=True)
login = LoginManager()
csrf = CSRFProtect()
bootstrap = Bootstrap5()
compress = Compress()
