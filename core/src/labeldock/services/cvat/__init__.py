"""Backups of CVAT (version 1.0), turned into archives of ours: frames become tasks.

What a CVAT archive holds is told by its code (cvat/apps/engine/backup.py); what has no
counterpart here is listed, never dropped in silence.
"""
